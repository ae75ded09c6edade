//! `labrun init`.

use crate::cli::InitArgs;
use crate::error::{Exit, Failure};
use crate::fs;
use crate::lab::check;
use crate::lab::find::show_diagnostics;
use crate::lab::repository::repository;
use crate::prompt;
use crate::report::{errln, outln};
use crate::starter::below::{below, nearest};
use crate::starter::ci::{self, Ci};
use crate::starter::ignore;
use crate::starter::listens::Listens;
use crate::starter::project::{KnownBy, Project, detect, is_name};
use crate::starter::shape::Shape;
use crate::starter::write::{Answers, lab};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Writes a lab file for the repository labrun runs in, and a workflow if there is to be one, and has git ignore the
/// artifacts. Where a file would replace another, none is written, unless the user says so.
///
/// # Errors
/// Nothing to test, answers that fit no lab, files that are there already.
pub fn init(args: &InitArgs) -> Result<u8> {
    let here = std::env::current_dir().context("cannot tell the working directory")?;
    let mut folder = repository(&here);
    let mut found = detect(&folder);
    // At the root of several projects there may be none.
    if found.is_empty()
        && let Some(near) = nearest(&here, &folder)
    {
        (found, folder) = (detect(&near), near);
    }
    let asking = !args.yes && prompt::possible();
    let answers = answers(args, &found, &folder, asking)?;
    let text = lab(&answers).map_err(Failure::usage)?;
    let path = format!("labs/{}.yaml", answers.name);
    check::lab(&text, &path).map_err(|mistakes| {
        let mistakes = show_diagnostics(&path, &mistakes);
        Failure::usage(format!("these answers make no good lab:\n{mistakes}"))
    })?;
    let mut files = vec![(path.as_str(), text)];
    let likely = ci::detect(&folder);
    let ci = match args.ci {
        Some(ci) => ci,
        None if asking => ask("Whose workflow: github, gitlab or none?", likely.name(), |text| {
            Ci::ALL
                .into_iter()
                .find(|ci| ci.name() == text)
                .ok_or(format!("`{text}` is none of them"))
        })?,
        None => likely,
    };
    files.extend(ci::workflow(ci, &folder));
    let ignored = ignore::artifacts(&folder)?;
    write(&here, &folder, &files, args.force)?;
    if let Some(text) = ignored {
        let file = folder.join(ignore::FILE);
        let there = file.exists();
        fs::write(&file, &text)?;
        let shown = file.strip_prefix(&here).unwrap_or(&file).display();
        match there {
            true => outln!("added {} to {shown}", ignore::LINE),
            false => outln!("wrote {shown}"),
        }
    }
    if files.iter().any(|(path, _)| *path == ci::BESIDE) {
        outln!("Have .gitlab-ci.yml include it: `include: [{{local: {}}}]`.", ci::BESIDE);
    }
    if answers.project.is_none() {
        outln!(
            "Nothing here builds {}: name it with `--subject PATH`, or have it on PATH.",
            answers.program
        );
    }
    outln!(
        "Next: `labrun test {}`. What this machine lacks for it, `labrun doctor` says.",
        answers.name
    );
    Ok(Exit::Passed as u8)
}

/// Writes all of `files`, paths in `folder`, unless others are in their places; tells of them as seen from `here`.
fn write(here: &Path, folder: &Path, files: &[(&str, String)], force: bool) -> Result<()> {
    for (path, text) in files {
        let file = folder.join(path);
        let same = std::fs::read(&file).is_ok_and(|old| old == text.as_bytes());
        if file.symlink_metadata().is_ok() && !same && !force {
            return Err(Failure::usage(format!(
                "{path} is there already: --force replaces it, --name takes another name for the lab, and --ci none writes no workflow"
            ))
            .into());
        }
    }
    for (path, text) in files {
        let path = folder.join(path);
        fs::write(&path, text.as_bytes())?;
        outln!("wrote {}", path.strip_prefix(here).unwrap_or(&path).display());
    }
    Ok(())
}

/// What the lab is to be, from the arguments, from what was `found` in the repository's `folder`, and from whoever is asked.
fn answers(args: &InitArgs, found: &[Project], folder: &Path, asking: bool) -> Result<Answers> {
    let (program, project) = program(args, found, folder, asking)?;
    if let Some(project) = &project {
        errln!("{program}: {}, by {}", project.language, project.mark);
    }
    let others: Vec<&str> =
        found.iter().map(|one| one.program.as_str()).filter(|one| *one != program).collect();
    if args.program.is_none() && !asking && !others.is_empty() {
        errln!("there is also {}: `--program NAME` takes another", others.join(", "));
    }
    let likely = args.listens.map_or(Shape::Server, Shape::of);
    let shape = match args.shape {
        Some(shape) => shape,
        None if asking => choose_shape(likely)?,
        None => likely,
    };
    let listens = match args.listens {
        Some(listens) => listens,
        None if asking => ask("What does it listen on?", &shape.listens().to_string(), |text| {
            let listens: Listens = text.parse()?;
            shape.objection(listens).map_or(Ok(listens), Err)
        })?,
        None => shape.listens(),
    };
    let arguments = match &args.args {
        Some(arguments) => arguments.clone(),
        None if asking => {
            let values = shape.places()[0].values.iter();
            let values: Vec<String> =
                values.map(|(name, value)| format!("{{{name}}} {value}")).collect();
            let question = format!("Its arguments? There is {}, {{port}}.", values.join(", "));
            ask(&question, "", |text| Ok(text.to_string()))?
        }
        None => String::new(),
    };
    let name = args.name.clone().unwrap_or_else(|| program.clone());
    if !is_name(&name) {
        return Err(Failure::usage(format!(
            "--name: `{name}` may have letters, digits, `-`, `_` and `.`"
        ))
        .into());
    }
    let mut answers = Answers {
        name,
        program,
        project,
        shape,
        listens,
        arguments,
        ask: args.ask.clone(),
        answer: args.answer.clone(),
    };
    if let (None, true, Some(question)) = (&answers.ask, asking, answers.question()) {
        answers.ask = optional(question)?;
        if answers.answer.is_none() && answers.ask.is_some() {
            answers.answer = optional("What must be in the answer, a regular expression?")?;
        }
    }
    Ok(answers)
}

/// The program to test, and what builds it.
fn program(
    args: &InitArgs,
    found: &[Project],
    folder: &Path,
    asking: bool,
) -> Result<(String, Option<Project>)> {
    let names: Vec<&str> = found.iter().map(|project| project.program.as_str()).collect();
    let program = match &args.program {
        Some(program) => program.clone(),
        None if found.is_empty() && !asking => {
            return Err(Failure::usage(format!(
                "{} has nothing that labrun knows how to build: name the program with --program, and how it is built with --build{}",
                folder.display(),
                elsewhere(folder)
            ))
            .into());
        }
        None if !asking => names[0].into(),
        None => {
            let question = match names.len() {
                0 => "Which program is to be tested?".into(),
                1 => "The program?".into(),
                _ => format!("Which program? There is {}.", names.join(", ")),
            };
            let default = names.first().copied().unwrap_or_default();
            ask(&question, default, |text| match is_name(text) {
                true => Ok(text.to_string()),
                false => Err(format!("`{text}` is no name of a program")),
            })?
        }
    };
    if !is_name(&program) {
        return Err(
            Failure::usage(format!("--program: `{program}` is no name of a program")).into()
        );
    }
    let build = match &args.build {
        None if asking && !names.contains(&program.as_str()) => {
            optional("Which command leaves it in $OUT? Without one, it is on PATH.")?
        }
        build => build.clone(),
    };
    let project = match build {
        // Nothing else is known of the repository but that it has this lab.
        Some(command) => {
            let mark = format!("labs/{}.yaml", args.name.as_ref().unwrap_or(&program));
            Some(Project {
                language: "its own build",
                program: program.clone(),
                known_by: KnownBy::Files(vec![mark.clone()]),
                mark,
                command,
            })
        }
        None => found.iter().find(|project| project.program == program).cloned(),
    };
    Ok((program, project))
}

/// In which folders below `folder` there is something to build, as the end of a sentence.
fn elsewhere(folder: &Path) -> String {
    let shown = |(path, project): (PathBuf, Project)| {
        let path = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        format!("{path} ({})", project.language)
    };
    match below(folder).into_iter().map(shown).collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        some => format!(". Or begin in one of its folders that has: {}", some.join(", ")),
    }
}

/// Asks for a shape, by number or name.
fn choose_shape(likely: Shape) -> Result<Shape> {
    let lines = Shape::ALL.iter().enumerate();
    let lines =
        lines.map(|(i, shape)| format!("  {} {:<8} {}", i + 1, shape.name(), shape.about()));
    errln!("{}", lines.collect::<Vec<_>>().join("\n"));
    ask("Which of these networks?", likely.name(), |text| {
        let number = text.parse::<usize>().ok().and_then(|n| Shape::ALL.get(n.checked_sub(1)?));
        let shape = number.or_else(|| Shape::ALL.iter().find(|shape| shape.name() == text));
        shape.copied().ok_or_else(|| format!("`{text}` is none of them"))
    })
}

/// Asks for what need not be said.
fn optional(question: &str) -> Result<Option<String>> {
    let line = ask(question, "", |text| Ok(text.to_string()))?;
    Ok((!line.is_empty()).then_some(line))
}

/// Asks until `read` takes the answer; an empty one is `default`.
fn ask<T>(question: &str, default: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T> {
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    loop {
        let Some(line) = prompt::line(&format!("{question}{shown} "), None)? else {
            return Err(Failure::usage("the answers ended: nothing was written").into());
        };
        match read(if line.is_empty() { default } else { &line }) {
            Ok(value) => return Ok(value),
            Err(why) => errln!("{why}"),
        }
    }
}
