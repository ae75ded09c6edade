//! `labrun capture`: the packets of a lab that is up, as they come.

use crate::cli::{CaptureArgs, Cli};
use crate::compile::script;
use crate::error::{Exit, Failure};
use crate::host::Files;
use crate::interrupt;
use crate::packet::capture::Packet;
use crate::packet::pcap::Reader;
use crate::packet::summary::Summary;
use crate::packet::{bpf, pcapng, tcpdump};
use crate::record::artifacts::FOLDER;
use crate::report::errln;
use crate::text::{count, harmless};
use crate::verbs::running;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Write};
use std::path::Path;

/// Shows or records what a node of a running lab sees, until an interrupt or the lab's end.
///
/// # Errors
/// If the lab is not up, the filter is none, or the file cannot be written.
pub fn live(cli: &Cli, args: &CaptureArgs) -> Result<u8> {
    let lab = args.lab.as_deref().unwrap_or_default();
    let to_stdout = args.write.as_deref() == Some(Path::new("-"));
    if to_stdout && io::stdout().is_terminal() {
        return Err(
            Failure::usage("--write -: pcapng is nothing for a terminal, pipe it into a program such as `wireshark -k -i -`").into()
        );
    }
    let filter = args.filter.as_deref().map(tcpdump::compile).transpose()?;
    let (host, instance) = running::find(cli, lab)?;
    let mut files = Files::on(&host, Path::new(FOLDER));
    let agent = files.agent()?;
    let agent = agent.to_string_lossy();
    // A node may be called anything, so it gets its name out here.
    let words = ["exec", &instance, &args.node, &agent, "_capture"].map(String::from);
    let mut stream = host.stream(&script::runtime(), &words, Path::new("."))?;
    // What it cannot do it says itself.
    let Ok(mut reader) = Reader::new(BufReader::new(&mut stream.output)) else {
        return Ok(u8::try_from(stream.finish()).unwrap_or(255));
    };
    let out: Option<Box<dyn Write>> = match &args.write {
        None => None,
        Some(_) if to_stdout => Some(Box::new(io::stdout().lock())),
        Some(path) => Some(Box::new(
            File::create(path)
                .with_context(|| format!("--write: cannot write {}", path.display()))?,
        )),
    };
    if args.write.is_some() {
        errln!("labrun: capturing in {} of {instance}, until Ctrl-C", args.node);
    }
    let mut recorder = out.map(|out| pcapng::Writer::new(out, &|_| String::new())).transpose()?;
    let (mut packets, mut began, mut written) = (0, None, Ok(()));
    // When the lab goes down, this ends in the middle of a packet.
    while let Ok(Some(mut packet)) = reader.packet() {
        packet.interface.node.clone_from(&args.node);
        if filter
            .as_ref()
            .is_some_and(|program| !bpf::accepts(program, &packet.data, packet.length))
        {
            continue;
        }
        packets += 1;
        let put = match &mut recorder {
            Some(recorder) => recorder.packet(&packet).and_then(|()| recorder.flush()),
            None => writeln!(
                io::stdout().lock(),
                "{}",
                harmless(&line(&packet, *began.get_or_insert(packet.time)))
            ),
        };
        if let Err(error) = put {
            written = Err(error);
            interrupt::stop();
            break;
        }
    }
    let lost = reader.lost;
    drop(reader);
    stream.finish();
    if let Some(recorder) = recorder {
        written = written.and_then(|()| recorder.finish(lost, 0, 0).map(drop));
    }
    match written {
        // Whoever was reading has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.with_context(|| match &args.write {
            Some(path) => format!("--write: cannot write {}", path.display()),
            None => "cannot write to standard output".into(),
        })?,
    }
    let lost = if lost > 0 { format!(", {lost} lost") } else { String::new() };
    errln!("{}{lost}", count(packets, "packet"));
    Ok(Exit::Passed as u8)
}

/// A packet in one line; `began` is the time of the first.
pub fn line(packet: &Packet, began: u64) -> String {
    let Summary { protocol, label, detail, source, destination } = Summary::of(&packet.data);
    let seconds = packet.time.saturating_sub(began) as f64 / 1e9;
    let direction = if packet.direction.is_sent() { "sent" } else { "got" };
    let place = pcapng::interface_name(&packet.interface);
    let what = [protocol.title, &label, &detail].join(" ");
    format!(
        "{seconds:>11.6}  {place:<15} {direction:<4}  {source} > {destination}  {}",
        what.trim().replace("  ", " ")
    )
}
