//! `labrun list`.

use crate::cli::{ChoiceArgs, Cli, ListArgs, TestArgs};
use crate::error::{Exit, Failure};
use crate::lab::find::{Labs, Origin, Selection};
use crate::record::durations::Durations;
use crate::record::shard::Shard;
use crate::record::{engine, shard};
use crate::report::Format;
use crate::report::errln;
use crate::report::{outln, print_json};
use anyhow::Result;
use serde_json::json;

/// How many jobs GitHub makes of one matrix.
const JOBS: usize = 256;

/// Lists labs and tests, all if no words name any; of these, a part.
///
/// # Errors
/// If lab files are broken: their mistakes, after the list of the others.
pub fn list(cli: &Cli, args: &ListArgs) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    let chosen = if args.choice.tests.is_empty() && args.partition.is_none() {
        let all = |lab| Selection { lab, tests: (0..lab.tests.len()).collect() };
        let mut chosen = labs.labs.iter().map(|(_, lab)| all(lab)).collect();
        labs.tagged(&mut chosen, args.choice.tags())?;
        chosen
    } else {
        choose(&labs, args)?
    };
    show(&labs, &chosen, args.format);
    labs.intact()?;
    Ok(Exit::Passed as u8)
}

/// Prints `chosen` of `labs`.
pub fn show(labs: &Labs, chosen: &[Selection], format: Format) {
    let names = chosen.iter().flat_map(|c| {
        c.tests.iter().map(|i| c.lab.tests[*i].name.chars().count() + 2).chain([c.lab.name.len()])
    });
    let width = names.max().unwrap_or_default().max(2);
    for Selection { lab, tests } in chosen {
        let built_in =
            labs.labs.iter().any(|(origin, l)| l.name == lab.name && *origin == Origin::BuiltIn);
        let from = if built_in { "built in" } else { &lab.file };
        let tests = tests.iter().map(|index| &lab.tests[*index]);
        if format == Format::Json {
            let tests = tests.map(|t| json!({"name": t.name, "about": t.about, "tags": t.tags}));
            let tests: Vec<_> = tests.collect();
            let lab = json!({"lab": lab.name, "about": lab.about, "from": from, "tests": tests});
            print_json(&lab.to_string());
            continue;
        }
        outln!("{:<width$}  {} ({from})", lab.name, lab.about);
        for test in tests {
            let tags = match test.tags.as_slice() {
                [] => String::new(),
                tags => format!("[{}]", tags.join(", ")),
            };
            let about = [test.about.as_str(), &tags].join(" ");
            outln!("  {:<rest$}  {}", test.name, about.trim(), rest = width - 2);
        }
    }
}

/// Prints what a workflow takes for `strategy.matrix`: a job for each of the tests that `labrun
/// test` would run, or for each of so many parts of them.
///
/// # Errors
/// If there are no tests, or more than GitHub makes jobs of.
pub fn matrix(cli: &Cli, args: &ListArgs) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    let chosen = choose(&labs, args)?;
    let job =
        |c: &Selection, index: &usize| json!({"lab": c.lab.name, "test": c.lab.tests[*index].name});
    let jobs: Vec<_> = match args.partitions.map(usize::from) {
        Some(of) => (1..=of).map(|number| json!({"partition": Shard { number, of }})).collect(),
        None => chosen.iter().flat_map(|c| c.tests.iter().map(|index| job(c, index))).collect(),
    };
    if jobs.len() > JOBS {
        return Err(Failure::usage(format!(
            "{} jobs, but GitHub makes {JOBS} of a matrix at most: see --partitions",
            jobs.len()
        ))
        .into());
    }
    print_json(&json!({"include": jobs}).to_string());
    Ok(Exit::Passed as u8)
}

/// The tests that `labrun test` would run with the same words.
fn choose<'a>(labs: &'a Labs, args: &ListArgs) -> Result<Vec<Selection<'a>>> {
    let mut chosen = chosen(labs, &args.choice)?;
    if let Some(part) = args.partition {
        let part = part.part(engine::environment)?;
        let (durations, warning) = Durations::known(args.durations.as_deref());
        warning.iter().for_each(|text| errln!("labrun: {text}"));
        shard::keep(&mut chosen, part, &durations);
    }
    Ok(chosen)
}

/// The labs of which tests are chosen.
///
/// # Errors
/// As [`Labs::load`].
pub fn labs(cli: &Cli, args: &TestArgs) -> Result<Labs> {
    // A tag may be that of any.
    let words = if args.choice.tags().is_any() { &[] } else { &args.choice.tests[..] };
    Labs::load_for(words, &cli.files, &args.run.params.settings)
}

/// The tests that `choice` means, of every lab that has one.
///
/// # Errors
/// If it means none.
pub fn chosen<'a>(labs: &'a Labs, choice: &ChoiceArgs) -> Result<Vec<Selection<'a>>> {
    let mut chosen = labs.choose(&choice.tests)?;
    chosen.retain(|c| !c.tests.is_empty());
    if chosen.is_empty() {
        return Err(Failure::usage("none of these labs has a test").into());
    }
    labs.tagged(&mut chosen, choice.tags())?;
    Ok(chosen)
}
