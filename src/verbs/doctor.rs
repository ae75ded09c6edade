//! `labrun doctor`: what this machine lacks, and how to get it.

use crate::cli::{Cli, SubjectArgs};
use crate::compile::{needs, script};
use crate::error::Exit;
use crate::event::{Event, Missing};
use crate::host::{Files, Host};
use crate::lab::find::Labs;
use crate::lab::model::Lab;
use crate::record::artifacts::FOLDER;
use crate::report::outln;
use crate::run::describe::{describe_missing, install_command};
use crate::run::subject::{self, Source, Sources};
use crate::steps::Client;
use crate::topology::wants::Allow;
use crate::verbs::running::{at, host, kind};
use crate::yaml::values::{NO_PACKAGE, UNPACK};
use anyhow::Result;
use std::path::Path;

/// Unpacks packages, here or elsewhere.
const UNPACKER: &str = include_str!("../../vm/unpack.sh");

/// Looks at everything the labs need that `words` name, or that have the tests they name, to test
/// what `test` would test; with `install`, installs the packages first.
///
/// # Errors
/// Wrong names or broken lab files, a machine that cannot be reached.
pub fn doctor(
    cli: &Cli,
    words: &[String],
    install: bool,
    tested: &SubjectArgs,
    client: Client,
) -> Result<u8> {
    let labs = Labs::load_for(words, &cli.files, &[])?;
    let chosen = if words.is_empty() {
        labs.all()
    } else {
        labs.choose(words)?.into_iter().map(|chosen| chosen.lab).collect()
    };
    let host = match host(cli) {
        Ok(host) => host,
        Err(error) => {
            outln!("LACKS sandbox  {error:#}");
            return Ok(Exit::Machine as u8);
        }
    };
    let at = at(&kind(cli)?);
    let sources = subject::settle(&chosen, &tested.subject, &labs.repository, &host)?;
    let patient = Patient { host: &host, sources: &sources, client, strict: tested.is_strict() };
    if install && !patient.install(&chosen)? {
        outln!("the installation failed; if a package is unknown, `apt-get update` first");
        return Ok(Exit::Machine as u8);
    }
    let mut lacking = false;
    let all =
        chosen.iter().map(|lab| Ok((lab, patient.lacks(lab)?))).collect::<Result<Vec<_>>>()?;
    outln!("ok    sandbox  {}", host.how());
    if let Host::Remote(_) = host {
        // Here it is labrun itself, which is there.
        match Files::on(&host, Path::new(FOLDER)).agent() {
            Ok(_) => outln!("ok    agent"),
            Err(why) => {
                lacking = true;
                outln!("LACKS agent    {why:#}");
            }
        }
    }
    for (lab, lacks) in all {
        lacking |= !lacks.is_empty();
        match describe(&lacks, &host, &at).as_slice() {
            [] => outln!("ok    lab {}{}", lab.name, patient.tested(lab)),
            some => some.iter().for_each(|text| outln!("LACKS lab {}: {text}", lab.name)),
        }
    }
    Ok(if lacking { Exit::Machine } else { Exit::Passed } as u8)
}

/// Something that is wrong with a machine.
enum Lack {
    Missing(Missing),
    Refused,
}

/// All of it in words, and what mends it.
fn describe(lacks: &[Lack], host: &Host, at: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let mut lines = Vec::new();
    for lack in lacks {
        match lack {
            Lack::Missing(one) => missing.push(one.clone()),
            Lack::Refused => {
                lines.push("this kernel refuses user namespaces to ordinary users".to_string());
            }
        }
    }
    [describe_missing(&missing, host, at), lines].concat()
}

/// A machine, and how labs are to be run on it.
struct Patient<'a> {
    host: &'a Host,
    sources: &'a Sources<'a>,
    client: Client,
    strict: bool,
}

impl Patient<'_> {
    /// Where the program comes from that `lab` tests, unless the runtime finds it.
    fn source(&self, lab: &Lab) -> Option<&Source<'_>> {
        let program = &lab.topology.subject.as_ref()?.program;
        self.sources.get(program.as_str()).map(|(_, source)| source)
    }

    /// The same, in words to stand behind its name.
    fn tested(&self, lab: &Lab) -> String {
        match self.source(lab) {
            Some(Source::Given(path) | Source::Path(path)) => {
                format!(", to test {}", path.display())
            }
            Some(Source::Repository(path, _)) => {
                format!(", to test what {} builds", path.display())
            }
            None => String::new(),
        }
    }

    /// What is lacking for `lab`: what the runtime finds, and what builds its program.
    fn lacks(&self, lab: &Lab) -> Result<Vec<Lack>> {
        // Nothing of the machine is lacking for what is only to be granted.
        let mut words: Vec<String> = vec!["--allow".into(), Allow::ALL.map(Allow::word).join(",")];
        words.extend(["--agent".into(), "labrun".into()]);
        if let Some(source) = self.source(lab) {
            words.extend(["--subject-how".into(), source.how().into()]);
        }
        words.extend(self.strict.then(|| "--strict".into()));
        words.push("missing".into());
        let mut process =
            self.host.run(&script::compile(lab, self.client), &words, Path::new("."))?;
        let mut lacks = Vec::new();
        while let Some(event) = process.event() {
            match event {
                Event::Missing(one) => lacks.push(Lack::Missing(one)),
                Event::Refused => lacks.push(Lack::Refused),
                _ => {}
            }
        }
        self.host.check()?;
        lacks.extend(self.compilers(lab).into_iter().map(|(name, package)| {
            let (name, package) = (name.to_string(), package.to_string());
            let stand_in = String::new();
            Lack::Missing(Missing {
                kind: "command".into(),
                name,
                package,
                stand_in,
                ..Missing::default()
            })
        }));
        Ok(lacks)
    }

    /// The compilers that the program of `lab` is built by and that are not there. Another machine
    /// says so when it builds: only a login there has the `PATH` on which they are.
    fn compilers(&self, lab: &Lab) -> Vec<(&'static str, &'static str)> {
        let Host::Native(_) = self.host else { return Vec::new() };
        let Some(Source::Repository(_, build)) = self.source(lab) else { return Vec::new() };
        let mut compilers = needs::compilers(&[build]);
        compilers.retain(|(command, _)| !is_there(command));
        compilers
    }

    /// Installs what is missing, those of the stand-ins too; whether that succeeded.
    fn install(&self, labs: &[&Lab]) -> Result<bool> {
        let (unpacked, packages): (Vec<String>, Vec<String>) =
            self.packages(labs)?.into_iter().partition(|package| package.starts_with(UNPACK));
        // Installed ones first: they may have the libraries of the others.
        Ok(self.install_all(&packages)? && self.unpack_all(&unpacked)?)
    }

    fn install_all(&self, packages: &[String]) -> Result<bool> {
        if packages.is_empty() {
            return Ok(true);
        }
        let mut command = install_command(packages, self.host);
        // Some packages ask questions (isc-dhcp-relay does); sudo would drop a variable set outside
        // of it.
        let apt = command.iter().position(|word| word == "apt-get").unwrap_or_default();
        command.splice(apt..apt, ["env", "DEBIAN_FRONTEND=noninteractive"].map(String::from));
        outln!("running: {}", command.join(" "));
        self.host.run_tool(&command)
    }

    /// Unpacks packages where the labs' programs look for them: for all users as root, else for this one.
    fn unpack_all(&self, packages: &[String]) -> Result<bool> {
        if packages.is_empty() {
            return Ok(true);
        }
        let packages: Vec<&str> = packages.iter().filter_map(|p| p.strip_prefix(UNPACK)).collect();
        outln!("unpacking: {}", packages.join(" "));
        let sudo = self.host.is_elevated().then_some("sudo");
        let program = format!("{UNPACKER}unpack \"$@\"");
        let bash = ["bash", "-c", &program, "unpack"];
        let words = sudo.into_iter().chain(bash).chain(packages).map(String::from);
        self.host.run_tool(&words.collect::<Vec<_>>())
    }

    /// The Debian packages of the commands that are not there, as lab files say them.
    fn packages(&self, labs: &[&Lab]) -> Result<Vec<String>> {
        let mut packages: Vec<String> = Vec::new();
        for lab in labs {
            let mut missing: Vec<String> = Vec::new();
            for lack in self.lacks(lab)? {
                match lack {
                    Lack::Missing(one) if one.kind == "command" => missing.push(one.package),
                    _ => {}
                }
            }
            // The runtime asks for that of the stand-in only where nothing else is tested.
            if let (Host::Native(_), None) = (self.host, self.source(lab)) {
                let commands = script::commands(lab, self.client, true).into_iter();
                // Where packages are unpacked the runtime looks, too.
                let lacks =
                    |(name, of): &(String, String)| !of.starts_with(UNPACK) && !is_there(name);
                missing.extend(commands.filter(lacks).map(|(_, of)| of));
            }
            for package in missing {
                if package != NO_PACKAGE && !packages.contains(&package) {
                    packages.push(package);
                }
            }
        }
        Ok(packages)
    }
}

fn is_there(command: &str) -> bool {
    ["/usr/sbin", "/sbin", "/usr/local/sbin"]
        .iter()
        .any(|folder| Path::new(folder).join(command).exists())
        || which::which(command).is_ok()
}
