//! Hands the agents in the folder LABRUN_AGENTS, which `.ci/agents` builds, to src/host/transfer/agent.rs.
//! Without that variable labrun has none.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LABRUN_AGENTS");
    let mut list = String::new();
    if let Some(folder) = env::var_os("LABRUN_AGENTS") {
        for processor in ["x86_64", "aarch64"] {
            let path = Path::new(&folder).join(format!("labrun-agent-{processor}"));
            let path = path
                .canonicalize()
                .unwrap_or_else(|error| panic!("LABRUN_AGENTS: {}: {error}", path.display()));
            println!("cargo::rerun-if-changed={}", path.display());
            list += &format!("include_bytes!({path:?}),");
        }
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("agents.rs"), format!("&[{list}]"))
        .expect("cargo's folder can be written to");
}
