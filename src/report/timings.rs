//! The table of `--timings`.

use crate::record::run::Run;
use crate::record::timing::{Phase, Timing};

/// A row of it.
pub struct Row {
    pub depth: usize,
    pub name: String,
    /// When it began, in microseconds of its lab. Services that start together count as begun with
    /// the first.
    pub at: u64,
    pub us: u64,
}

/// The table for `run`, line by line.
pub fn table(run: &Run) -> Vec<String> {
    lines(&run.timings)
}

/// The rows for `timings`, which are in the order of their labs.
pub fn rows(timings: &[Timing]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for lab in timings.chunk_by(|a, b| a.lab == b.lab) {
        let depth = usize::from(lab[0].lab.is_some());
        let row = |depth, name: &str, at, us| Row { depth, name: name.into(), at, us };
        rows.extend(lab[0].lab.iter().map(|name| row(0, name, 0, sum(lab))));
        let mut at = 0u64;
        for part in lab.chunk_by(|a, b| a.test == b.test) {
            rows.extend(part[0].test.iter().map(|test| row(depth, test, at, sum(part))));
            let depth = depth + usize::from(part[0].test.is_some());
            // The services are told of before the phase that they are part of is over.
            let (mut services, rest): (Vec<_>, Vec<_>) =
                part.iter().partition(|one| one.phase == Phase::Service);
            for one in rest {
                // What would be 0.0 ms is nothing to look at.
                if one.us >= 50 {
                    rows.push(row(depth, &words(one), at, one.us));
                }
                if one.phase == Phase::Services {
                    let below = services.drain(..);
                    rows.extend(below.map(|one| row(depth + 1, &words(one), at, one.us)));
                }
                at = at.saturating_add(one.us);
            }
        }
    }
    rows
}

fn lines(timings: &[Timing]) -> Vec<String> {
    let rows = rows(timings);
    let label = |row: &Row| format!("{}{}", "  ".repeat(row.depth), row.name);
    let width = rows.iter().map(|row| label(row).chars().count()).max().unwrap_or_default();
    let line = |row: &Row| format!("{:<width$}  {:>12}", label(row), milliseconds(row.us));
    rows.iter().map(line).collect()
}

/// `12.3 ms`.
pub fn milliseconds(us: u64) -> String {
    format!("{:.1} ms", us as f64 / 1000.0)
}

/// What they took, one after the other. A report to merge may say anything.
fn sum(timings: &[Timing]) -> u64 {
    let counted = timings.iter().filter(|one| one.phase != Phase::Service);
    counted.fold(0, |sum, one| sum.saturating_add(one.us))
}

/// How a row is called.
fn words(timing: &Timing) -> String {
    let phase = match timing.phase {
        Phase::Parse => "lab files",
        Phase::Plan => "plan",
        Phase::Start => "start",
        Phase::Sandbox => "sandbox",
        Phase::Topology => "topology",
        Phase::Services => "services",
        Phase::Begin => "begin",
        Phase::Capture => "capture",
        Phase::Judging => "judging",
        Phase::State => "state",
        Phase::Restoring => "restoring",
        Phase::Clean => "clean",
        Phase::Other => "other",
        Phase::Service | Phase::Step => return timing.name.clone(),
    };
    phase.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str) -> (&str, &str) {
        let (name, time) = line.trim_end_matches(" ms").rsplit_once(' ').unwrap();
        (name.trim_end(), time)
    }

    #[test]
    fn services_are_below_their_phase_and_counted_once() {
        let timing = |test: Option<&str>, phase, name: &str, us| Timing {
            lab: Some("web".into()),
            test: test.map(String::from),
            phase,
            name: name.into(),
            us,
        };
        let timings = [
            timing(None, Phase::Service, "web/httpd", 300),
            timing(None, Phase::Service, "web/dns", 900),
            timing(None, Phase::Services, "", 1000),
            timing(Some("web-fetch"), Phase::Step, "step 1, run", 2500),
            timing(Some("web-fetch"), Phase::Restoring, "", 500),
            timing(None, Phase::Other, "", 1000),
        ];
        let endless = [timing(None, Phase::Plan, "", u64::MAX), timings[5].clone()];
        assert_eq!(lines(&endless).len(), 3);
        let begun: Vec<u64> = super::rows(&timings).iter().map(|row| row.at).collect();
        assert_eq!(begun, [0, 0, 0, 0, 1000, 1000, 3500, 4000]);
        let lines = lines(&timings);
        let rows: Vec<_> = lines.iter().map(|line| row(line)).collect();
        assert_eq!(
            rows,
            [
                ("web", "5.0"),
                ("  services", "1.0"),
                ("    web/httpd", "0.3"),
                ("    web/dns", "0.9"),
                ("  web-fetch", "3.0"),
                ("    step 1, run", "2.5"),
                ("    restoring", "0.5"),
                ("  other", "1.0"),
            ]
        );
    }
}
