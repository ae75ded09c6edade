//! `labrun capture show`: the ladder of a capture in a file, or its packets one by one.

use crate::analysis::ladder;
use crate::analysis::ladder::{Extent, Ladder};
use crate::cli::{Cli, ShowArgs};
use crate::error::{Exit, Failure};
use crate::lab::find::Labs;
use crate::lab::model::Lab;
use crate::packet::capture::{Capture, InterfaceId};
use crate::packet::pcapng;
use crate::record::artifacts::FOLDER;
use crate::report::outln;
use crate::report::{Format, colours, columns};
use crate::text::count;
use crate::verbs::capture::line;
use anyhow::Result;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The capture among a test's artifacts, which are in FOLDER/TEST/ATTEMPT.
const FILE: &str = "capture.pcapng";

/// Draws a capture, or lists its packets.
///
/// # Errors
/// If there is no such capture or lab, or the file is not a capture.
pub fn show(cli: &Cli, args: &ShowArgs) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    let path = find(args.what.as_deref())?;
    let wrong =
        |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let bytes = std::fs::read(&path).map_err(|error| wrong(&error))?;
    let capture = pcapng::read(&bytes).map_err(|error| wrong(&format!("{error:#}")))?;
    let lab = match &args.lab {
        Some(name) => labs.labs(std::slice::from_ref(name))?.first().copied(),
        None => of_name(&labs, &path).or_else(|| nearest(&labs, &capture)),
    };
    if args.what.as_deref() != path.to_str() && cli.format == Format::Text {
        outln!("{}", path.display());
    }
    match lab {
        Some(lab) if !args.list => draw(cli, lab, &capture),
        _ => {
            let began = capture.packets.first().map_or(0, |packet| packet.time);
            capture.packets.iter().for_each(|packet| outln!("{}", line(packet, began)));
            if !args.list {
                eprintln!(
                    "labrun: no lab has these interfaces, so the packets are only listed; --lab says which it is"
                );
            }
        }
    }
    for (number, why) in [
        (capture.lost, "lost by the kernel"),
        (capture.left_out, "left out, because the capture was full"),
    ] {
        if number > 0 {
            eprintln!("labrun: {} {why}", count(number as usize, "packet"));
        }
    }
    Ok(Exit::Passed as u8)
}

fn draw(cli: &Cli, lab: &Lab, capture: &Capture) {
    let ladder = Ladder::of(&lab.topology, capture);
    match cli.format {
        Format::Json => {
            outln!("{}", serde_json::to_string(&ladder).expect("a ladder is plain data"))
        }
        _ if colours() => {
            ladder.coloured(columns(), Extent::LONG).iter().for_each(|line| outln!("{line}"))
        }
        _ => ladder.text(columns(), Extent::LONG).iter().for_each(|line| outln!("{line}")),
    }
}

/// The file that `what` names; the newest capture of the test of that name, or of any.
fn find(what: Option<&str>) -> Result<PathBuf> {
    if let Some(what) = what.filter(|what| Path::new(what).exists()) {
        return Ok(what.into());
    }
    let tests = match what {
        Some(test) if !test.contains('/') => vec![Path::new(FOLDER).join(test)],
        Some(_) => Vec::new(),
        None => folders(Path::new(FOLDER)),
    };
    let captures = tests.iter().flat_map(|test| folders(test)).map(|attempt| attempt.join(FILE));
    let newest = captures
        .filter_map(|path| Some((std::fs::metadata(&path).ok()?.modified().ok()?, path)))
        .max();
    match (newest, what) {
        (Some((_, path)), _) => Ok(path),
        (None, Some(what)) => Err(Failure::usage(format!(
            "there is no file `{what}`, and no capture of a test `{what}` in {FOLDER}"
        ))
        .into()),
        (None, None) => {
            Err(Failure::usage(format!("there is no capture in {FOLDER}: name a file")).into())
        }
    }
}

fn folders(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

/// The lab of the test whose artifacts the file is one of.
fn of_name<'a>(labs: &'a Labs, path: &Path) -> Option<&'a Lab> {
    let test = path.parent()?.parent()?.file_name()?.to_str()?;
    labs.labs.iter().map(|(_, lab)| lab).find(|lab| lab.tests.iter().any(|t| t.name == test))
}

/// The lab that has most in common with where the packets were seen, if any has anything.
fn nearest<'a>(labs: &'a Labs, capture: &Capture) -> Option<&'a Lab> {
    let seen: BTreeSet<&InterfaceId> =
        capture.packets.iter().map(|packet| &packet.interface).collect();
    let likeness = |lab: &Lab| {
        let known = ladder::places(&lab.topology);
        let common = seen.iter().filter(|place| known.contains(place)).count();
        common * 1000 / (known.len() + seen.len() - common).max(1)
    };
    let labs =
        labs.labs.iter().map(|(_, lab)| (likeness(lab), lab)).filter(|(likeness, _)| *likeness > 0);
    // Of equals the first, which is the repository's own.
    labs.rev().max_by_key(|(likeness, _)| *likeness).map(|(_, lab)| lab)
}
