//! `labrun capture show`: the ladder of a capture in a file, or its packets one by one.

use crate::analysis::ladder;
use crate::analysis::ladder::{Extent, Packets};
use crate::cli::{Cli, ShowArgs};
use crate::error::{Exit, Failure};
use crate::interrupt;
use crate::lab::find::Labs;
use crate::lab::model::Lab;
use crate::packet::capture::{Began, InterfaceId, Packet};
use crate::packet::pcap::Reader;
use crate::report::errln;
use crate::report::outln;
use crate::report::{Format, colours, columns, print_json};
use crate::text::{count, slip};
use crate::verbs::capture::line;
use anyhow::Result;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The capture among a test's artifacts, which are in FOLDER/TEST/ATTEMPT.
const FILE: &str = "capture.pcapng";

/// Draws a capture, or lists its packets. It is read packet by packet, twice: first to find out what
/// it is of, so that memory does not grow with it.
///
/// # Errors
/// If there is no such capture or lab, or the file is not a capture.
pub fn show(cli: &Cli, args: &ShowArgs) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    let path = find(args.what.as_deref(), &args.artifacts)?;
    let survey = Survey::of(&path)?;
    let lab = match &args.lab {
        Some(name) => labs.labs(std::slice::from_ref(name))?.first().copied(),
        None => of_name(&labs, &path).or_else(|| nearest(&labs, &survey.interfaces)),
    };
    if args.what.as_deref() != path.to_str() && cli.format == Format::Text {
        outln!("{}", path.display());
    }
    match lab {
        Some(lab) if !args.list => draw(cli, lab, &path, &survey)?,
        _ => {
            each(&path, |packet| outln!("{}", line(&packet, survey.first)))?;
            if !args.list {
                errln!(
                    "labrun: no lab has these interfaces, so the packets are only listed; --lab says which it is"
                );
            }
        }
    }
    for (number, why) in [
        (survey.lost, "lost by the kernel"),
        (survey.left_out, "left out, because the capture was full"),
        (survey.bulk_left_out, "of bulk data left out, because there was too much of it"),
    ] {
        if number > 0 {
            errln!("labrun: {} {why}", count(number as usize, "packet"));
        }
    }
    if let Some(broken) = survey.broken {
        errln!("labrun: {}: {broken}: what comes before is shown", path.display());
    }
    Ok(Exit::Passed as u8)
}

/// What a capture is, without its packets.
#[derive(Default)]
struct Survey {
    interfaces: BTreeSet<InterfaceId>,
    /// The time of the first packet, and what ladders count from.
    first: u64,
    began: u64,
    lost: u64,
    left_out: u64,
    bulk_left_out: u64,
    /// Why it cannot be read to its end.
    broken: Option<String>,
}

impl Survey {
    fn of(path: &Path) -> Result<Survey> {
        let mut survey = Survey::default();
        let (mut first, mut began) = (None, Began::default());
        let end = each(path, |packet| {
            first.get_or_insert(packet.time);
            began.add(&packet);
            if !survey.interfaces.contains(&packet.interface) {
                survey.interfaces.insert(packet.interface);
            }
        })?;
        survey.first = first.unwrap_or_default();
        survey.began = began.time();
        let End { lost, left_out, bulk_left_out, broken } = end;
        // A file that holds nothing whole is rather none.
        match broken {
            Some(broken) if first.is_none() => Err(wrong(path, &broken).into()),
            broken => Ok(Survey { lost, left_out, bulk_left_out, broken, ..survey }),
        }
    }
}

/// How a capture ends.
struct End {
    lost: u64,
    left_out: u64,
    bulk_left_out: u64,
    broken: Option<String>,
}

fn wrong(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}

/// Does `act` with each packet of the capture in `path`, unless the user has seen enough.
fn each(path: &Path, mut act: impl FnMut(Packet)) -> Result<End> {
    let file = File::open(path).map_err(|error| wrong(path, &error))?;
    let mut reader = Reader::new(BufReader::with_capacity(1 << 16, file))
        .map_err(|error| wrong(path, &format!("{error:#}")))?;
    let broken = loop {
        match reader.packet() {
            _ if interrupt::interrupted() => break None,
            Ok(Some(packet)) => act(packet),
            Ok(None) => break None,
            Err(error) => break Some(format!("{error:#}")),
        }
    };
    let Reader { lost, left_out, bulk_left_out, .. } = reader;
    Ok(End { lost, left_out, bulk_left_out, broken })
}

fn draw(cli: &Cli, lab: &Lab, path: &Path, survey: &Survey) -> Result<()> {
    // Programs get all of it.
    let extent = if cli.format == Format::Json { Extent::ALL } else { Extent::LONG };
    let mut packets = Packets::new(&lab.topology, survey.began, extent);
    each(path, |packet| packets.add(&packet))?;
    let ladder = packets.ladder();
    match cli.format {
        Format::Json => {
            print_json(&serde_json::to_string(&ladder).expect("a ladder is plain data"))
        }
        _ if colours() => {
            ladder.coloured(columns(), extent).iter().for_each(|line| outln!("{line}"))
        }
        _ => ladder.text(columns(), extent).iter().for_each(|line| outln!("{line}")),
    }
    Ok(())
}

/// The file that `what` names; the newest capture among the `artifacts` of the test of that name, or
/// of any.
fn find(what: Option<&str>, artifacts: &Path) -> Result<PathBuf> {
    if let Some(what) = what.filter(|what| Path::new(what).exists()) {
        return Ok(what.into());
    }
    let tests = match what {
        Some(test) if !test.contains('/') => vec![artifacts.join(test)],
        Some(_) => Vec::new(),
        None => folders(artifacts),
    };
    let captures = tests.iter().flat_map(|test| folders(test)).map(|attempt| attempt.join(FILE));
    let newest = captures
        .filter_map(|path| Some((std::fs::metadata(&path).ok()?.modified().ok()?, path)))
        .max();
    let folder = artifacts.display();
    match (newest, what) {
        (Some((_, path)), _) => Ok(path),
        (None, Some(what)) => {
            let tests = folders(artifacts);
            let names = tests.iter().filter_map(|test| test.file_name()?.to_str());
            let hint = slip(what, names, String::new);
            Err(Failure::usage(format!(
                "there is no file `{what}`, and no capture of a test `{what}` in {folder}{hint}"
            ))
            .into())
        }
        (None, None) => {
            Err(Failure::usage(format!("there is no capture in {folder}: name a file")).into())
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

/// The lab that has most in common with where packets were `seen`, if any has anything.
fn nearest<'a>(labs: &'a Labs, seen: &BTreeSet<InterfaceId>) -> Option<&'a Lab> {
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
