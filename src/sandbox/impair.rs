//! Ends of cables that lose, delay or otherwise impair what they send: as the lab file has them, and as steps do.

use super::silence::Silent;
use super::{Gone, Output, Sandbox};
use std::fs::{self, OpenOptions};
use std::io::Write;

/// That nothing passes, until something else stands in its place.
pub(super) const SHUT: &str = "pfifo limit 0";

/// What a step has made of the end of a cable.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Impaired {
    netns: String,
    link: String,
    /// In the words of tc(8); empty without any.
    queue: String,
}

impl Sandbox {
    /// From now on what the end of a cable sends goes through `queue`, in the words of tc(8), or if there are none
    /// through none, until the end of the test. What the command said that could not do it, or the last.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn impair(&self, netns: &str, link: &str, queue: &str) -> Result<Output, Gone> {
        // Noted first, as silence is.
        let note = OpenOptions::new().append(true).create(true).open(self.impaired());
        let line = format!("{netns} {link} {queue}\n");
        if let Err(error) = note.and_then(|mut note| note.write_all(line.as_bytes())) {
            let stderr = format!("it cannot be noted: {error}").into_bytes();
            return Ok(Output { exit: 1, stderr, ..Output::default() });
        }
        // What is silent stays so; the end of that finds the note.
        match self.is_silent(&Silent::End(netns.into(), link.into())) {
            true => Ok(Output::default()),
            false => self.put(netns, link, queue),
        }
    }

    /// Puts `queue` in the place of what is there. The kernel changes one of the same kind and leaves what is not
    /// named as it was, so a queue of another kind comes between, which lets nothing out.
    fn put(&self, netns: &str, link: &str, queue: &str) -> Result<Output, Gone> {
        let shut = self.tc(netns, &format!("replace dev {link} root {SHUT}"))?;
        match queue {
            _ if shut.exit != 0 => Ok(shut),
            "" => self.tc(netns, &format!("del dev {link} root")),
            queue => self.tc(netns, &format!("replace dev {link} root handle 1: {queue}")),
        }
    }

    fn tc(&self, netns: &str, words: &str) -> Result<Output, Gone> {
        self.words(netns, &format!("tc qdisc {words}"))
    }

    /// Gives the end of a cable the queue that it has while it is not silent.
    pub(super) fn put_back(&self, netns: &str, link: &str) -> Result<Output, Gone> {
        let noted = self.noted_queues().into_iter().rev();
        let noted = noted.filter(|one| one.netns == netns && one.link == link).map(|one| one.queue);
        let queue = noted.chain([self.own_queue(netns, link)]).next().unwrap_or_default();
        self.put(netns, link, &queue)
    }

    /// That of the lab file.
    fn own_queue(&self, netns: &str, link: &str) -> String {
        let mut own = self.layout.queues.iter();
        let own = own.find(|(of, name, _)| of.0 == netns && name == link);
        own.map_or(String::new(), |(.., queue)| queue.clone())
    }

    /// Gives all ends that steps have impaired the queue of the lab file.
    pub(super) fn restore_queues(&self) -> Result<(), Gone> {
        let noted = self.noted_queues();
        for (index, Impaired { netns, link, .. }) in noted.iter().enumerate() {
            if noted[..index].iter().all(|one| (&one.netns, &one.link) != (netns, link)) {
                self.put(netns, link, &self.own_queue(netns, link))?;
            }
        }
        let _ = fs::remove_file(self.impaired());
        Ok(())
    }

    fn impaired(&self) -> std::path::PathBuf {
        self.private("impaired")
    }

    /// In the order of the steps.
    fn noted_queues(&self) -> Vec<Impaired> {
        let text = fs::read_to_string(self.impaired()).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.splitn(3, ' ').map(String::from);
            Some(Impaired { netns: words.next()?, link: words.next()?, queue: words.next()? })
        };
        text.lines().filter_map(line).collect()
    }
}
