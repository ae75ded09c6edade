//! How labs are run.

use crate::host::Host;
use crate::lab::model::Lab;
use crate::record::artifacts::{Artifacts, When};
use crate::run::subject::Given;
use crate::steps::Client;
use crate::topology::wants::Allow;
use std::path::PathBuf;

/// How labs are run, the same for all labs of a run.
#[derive(Clone, Debug)]
pub struct Options {
    pub host: Host,
    /// What a command must say, after a space, to mean that host.
    pub at: String,
    /// Working folder of the steps: the user's repository.
    pub folder: PathBuf,
    /// Which instance, if not the unnamed one.
    pub instance: Option<String>,
    /// The DHCP client of steps that name none.
    pub client: Client,
    /// Refuse stand-ins.
    pub strict: bool,
    /// Leave a failed lab up.
    pub keep: bool,
    /// What lab files may ask for.
    pub allow: Vec<Allow>,
    /// Copy much to another machine without a question.
    pub copy_large: bool,
    /// Show the daemons' and clients' output.
    pub verbose: bool,
    /// Tell where the time goes.
    pub timings: bool,
    /// What is kept of tests, and where.
    pub artifacts: Artifacts,
    /// The agent's program on the host.
    pub agent: PathBuf,
}

impl Options {
    /// What the instance of `lab` is called that these options mean.
    pub fn instance_of(&self, lab: &Lab) -> String {
        self.instance
            .as_ref()
            .map_or(lab.name.clone(), |instance| format!("{}@{instance}", lab.name))
    }

    /// The variables that `lab` is granted.
    pub fn kept<'l>(&self, lab: &'l Lab) -> Vec<&'l str> {
        let granted = self.allow.contains(&Allow::Env);
        let names = lab.topology.pass_env.iter().filter(|_| granted);
        names.map(|name| name.value.as_str()).collect()
    }

    /// The runtime's options for `lab` in front of `verb`.
    pub fn arguments(&self, lab: &Lab, given: Option<&Given>, verb: &str) -> Vec<String> {
        let mut words = vec!["--tied".to_string()];
        let mut add = |option: &str, value: Option<&str>| {
            words.push(option.into());
            words.extend(value.map(String::from));
        };
        if let Some(instance) = &self.instance {
            add("--instance", Some(instance));
        }
        if let Some(given) = given {
            add("--subject", Some(&given.path.to_string_lossy()));
            add("--subject-how", Some(given.how));
        }
        // What it does not ask for makes it no other lab.
        let asked = lab.topology.wants().into_iter().filter(|(_, _, all)| !all.is_empty());
        let granted = asked.filter(|(allow, ..)| self.allow.contains(allow));
        let granted: Vec<&str> = granted.map(|(allow, ..)| allow.word()).collect();
        if !granted.is_empty() {
            add("--allow", Some(&granted.join(",")));
        }
        add("--agent", Some(&self.agent.to_string_lossy()));
        if self.strict {
            add("--strict", None);
        }
        if self.keep {
            add("--keep", None);
        }
        if self.artifacts.when != When::Never {
            add("--gather", None);
        }
        words.push(verb.into());
        words
    }
}
