//! The first lab of a repository: what the repository builds, and a lab file, whose first test passes, to go
//! on from. Nothing is written here, and nothing run but git, which is asked what it ignores.

pub mod below;
mod c;
pub mod ci;
mod compiled;
pub mod ignore;
pub mod listens;
pub mod project;
mod scripts;
pub mod shape;
mod text;
pub mod write;
