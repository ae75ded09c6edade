//! How another machine gets its agent (`crate::agent`): the one that this labrun brings for its
//! kind of processor, or else a copy of labrun itself.

use crate::host::transfer::chunks::Chunks;
use crate::host::transfer::link::{Link, hash};
use crate::host::transfer::program::runs_on;
use anyhow::{Result, bail};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// Those that labrun was built with, which may be none (build.rs): static programs for Linux.
const AGENTS: &[&[u8]] = include!(concat!(env!("OUT_DIR"), "/agents.rs"));

/// What can be the agent on another machine.
#[derive(Debug, PartialEq, Eq)]
enum Candidate {
    /// One of those that came with labrun. It needs no C library there, so it comes first.
    Brought(&'static [u8]),
    /// Labrun itself.
    Own,
}

/// What could run on `processor`, from `agents` and a labrun that begins with `own`. If labrun
/// cannot, also what it is instead.
fn candidates(
    agents: &[&'static [u8]],
    own: &[u8],
    processor: &str,
) -> (Vec<Candidate>, Option<String>) {
    let brought = agents.iter().filter(|agent| runs_on(agent, processor).is_ok());
    let mut candidates: Vec<Candidate> = brought.map(|agent| Candidate::Brought(agent)).collect();
    let foreign = runs_on(own, processor).err();
    if foreign.is_none() {
        candidates.push(Candidate::Own);
    }
    (candidates, foreign)
}

/// Why `machine` has no agent, and what to do: labrun itself is `foreign` to it, or else does not
/// start.
fn lack(machine: &str, processor: &str, foreign: Option<&str>) -> String {
    let own =
        foreign.map_or("does not start there itself".into(), |what| format!("is itself {what}"));
    let remedy = match processor {
        "x86_64" | "aarch64" => {
            "use a released labrun, or build one with `LABRUN_AGENTS=$(.ci/agents) cargo build`"
        }
        _ => "there are agents for x86_64 and aarch64 only, so use a labrun that was built there",
    };
    format!(
        "{machine} (Linux on {processor}) gets no agent: this labrun brings none for it, and {own}; {remedy}"
    )
}

impl Link {
    /// The agent there. It stays in the cache.
    ///
    /// # Errors
    /// Why there is none.
    pub fn agent(&mut self) -> Result<PathBuf> {
        let own = std::env::current_exe()?;
        // The very same program, which nobody but its owner can change, if that user can get at it.
        let word = own.to_str().filter(|own| !own.contains([' ', '\t', '\n', '\\']));
        if let (true, Some(word)) = (self.remote.machine.here, word) {
            self.requests.send(&format!("runs {word}"));
            if let Some(path) = self.path()? {
                return Ok(path);
            }
        }
        let mut head = Vec::new();
        File::open(&own)?.take(64).read_to_end(&mut head)?;
        let (candidates, foreign) = candidates(AGENTS, &head, &self.processor);
        let mut broken = None;
        for candidate in candidates {
            let tried = match candidate {
                Candidate::Brought(agent) => self.put("agent", &hash(&[agent]), agent)?,
                Candidate::Own => {
                    // Its content is not worth hashing: whoever builds it anew changes these.
                    let metadata = own.metadata()?;
                    let id = hash(&[
                        format!("{:?} {}", metadata.modified().ok(), metadata.len()).as_bytes()
                    ]);
                    self.put("labrun", &id, File::open(&own)?)?
                }
            };
            match (tried, candidate) {
                (Ok(path), _) => return Ok(path),
                (Err(path), Candidate::Brought(_)) => broken = Some(path),
                (Err(_), Candidate::Own) => {}
            }
        }
        let machine = &self.remote.machine.name;
        match broken {
            Some(path) => bail!(
                "the agent does not start on {machine}: `{} --version` says there why",
                path.display()
            ),
            None => bail!(lack(machine, &self.processor, foreign.as_deref())),
        }
    }

    /// Where `program`, with the content that `id` stands for, is in the cache there; it is put
    /// there from `content` if need be. An `Err` of the path if it does not start there.
    fn put(
        &mut self,
        program: &str,
        id: &str,
        mut content: impl Read,
    ) -> Result<Result<PathBuf, PathBuf>> {
        let name = format!("{program}-{id} {program}");
        self.requests.send(&format!("works {name}"));
        if let Some(path) = self.path()? {
            return Ok(Ok(path));
        }
        self.requests.send(&format!("built {name}"));
        if let Some(path) = self.path()? {
            return Ok(Err(path));
        }
        self.requests.send(&format!("put {name}"));
        let mut chunks = Chunks::new(&self.requests);
        // If nobody takes it the answer says why.
        if io::copy(&mut content, &mut chunks).and_then(|_| chunks.end()).is_err() {
            self.requests.close();
        }
        let put = self.path()?;
        self.requests.send(&format!("works {name}"));
        Ok(self.path()?.ok_or(put.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::Candidate::{Brought, Own};
    use super::*;

    const MACOS: &[u8] = &[0xcf, 0xfa, 0xed, 0xfe];
    const WINDOWS: &[u8] = b"MZ\x90\0";

    /// How a program for Linux begins (elf(5)); `machine` is 62 for x86_64, 183 for aarch64, 243
    /// for riscv64.
    const fn elf(machine: u8) -> [u8; 20] {
        [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine, 0]
    }
    const X86_64: &[u8] = &elf(62);
    const AARCH64: &[u8] = &elf(183);
    const RISCV64: &[u8] = &elf(243);

    #[test]
    fn every_machine_gets_the_agent_for_its_processor_or_else_a_labrun_that_runs_there() {
        let own = [X86_64, AARCH64, RISCV64, MACOS, WINDOWS];
        for (processor, itself, agent) in [
            ("x86_64", X86_64, Some(X86_64)),
            ("aarch64", AARCH64, Some(AARCH64)),
            ("riscv64", RISCV64, None),
            ("s390x", b"", None),
        ] {
            for own in own {
                let runs = || (own == itself).then_some(Own);
                let without: Vec<Candidate> = runs().into_iter().collect();
                let with: Vec<Candidate> = agent.map(Brought).into_iter().chain(runs()).collect();
                assert_eq!(candidates(&[], own, processor).0, without, "{own:?} on {processor}");
                assert_eq!(
                    candidates(&[X86_64, AARCH64], own, processor).0,
                    with,
                    "{own:?} with agents on {processor}"
                );
            }
        }
    }

    #[test]
    fn what_is_lacking_is_said_with_what_to_do() {
        let foreign = candidates(&[], MACOS, "aarch64").1;
        assert_eq!(
            lack("lab", "aarch64", foreign.as_deref()),
            "lab (Linux on aarch64) gets no agent: this labrun brings none for it, and is itself a program for macOS; use a released \
             labrun, or build one with `LABRUN_AGENTS=$(.ci/agents) cargo build`"
        );
        let text = lack("lab", "x86_64", None);
        assert!(
            text.contains(
                "brings none for it, and does not start there itself; use a released labrun"
            ),
            "{text}"
        );
        let text = lack("lab", "s390x", Some("a program for x86_64"));
        assert!(text.ends_with("; there are agents for x86_64 and aarch64 only, so use a labrun that was built there"), "{text}");
    }

    /// What they are for, where this test was built with them.
    #[test]
    fn the_agents_that_come_along_are_small_and_need_nothing_there() {
        if option_env!("LABRUN_AGENTS").is_none() {
            assert!(AGENTS.is_empty());
            return eprintln!("SKIP agents: built without LABRUN_AGENTS");
        }
        assert_eq!(AGENTS.len(), 2);
        for (agent, machine) in AGENTS.iter().zip([62, 183]) {
            // The file's header: 64 bits, little-endian, of this machine; where the headers of its
            // segments are.
            assert_eq!((&agent[..6], number(agent, 18, 2)), (&b"\x7fELF\x02\x01"[..], machine));
            let (at, size, count) =
                (number(agent, 32, 8), number(agent, 54, 2), number(agent, 56, 2));
            let kinds: Vec<usize> =
                (0..count).map(|index| number(agent, at + index * size, 4)).collect();
            // It is loaded (PT_LOAD), and by nobody else (PT_INTERP), so with no library either.
            assert!(kinds.contains(&1) && !kinds.contains(&3), "{kinds:?}");
            assert!(agent.len() < 2 << 20, "{} bytes", agent.len());
        }
    }

    /// The little-endian number of `size` bytes at `at`.
    fn number(bytes: &[u8], at: usize, size: usize) -> usize {
        bytes[at..at + size].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }
}
