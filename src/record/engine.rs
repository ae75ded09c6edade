//! Which part of the tests a job runs, as the engine tells it that started the job.

use crate::error::Failure;
use crate::record::shard::Shard;
use std::str::FromStr;

/// What `--partition` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// This part.
    Given(Shard),
    /// That which the engine tells; of so many, where it does not tell how many there are.
    Auto(Option<usize>),
}

/// A variable that numbers the jobs of a set.
struct Engine {
    name: &'static str,
    index: &'static str,
    /// The index of the first job.
    first: usize,
    /// The variable that tells how many jobs there are, where one does.
    total: Option<&'static str>,
}

/// Slurm's arrays may begin anywhere, so they are no line of this.
const ENGINES: [Engine; 5] = [
    engine("GitLab", "CI_NODE_INDEX", 1, Some("CI_NODE_TOTAL")),
    engine("CircleCI", "CIRCLE_NODE_INDEX", 0, Some("CIRCLE_NODE_TOTAL")),
    engine("Buildkite", "BUILDKITE_PARALLEL_JOB", 0, Some("BUILDKITE_PARALLEL_JOB_COUNT")),
    engine("Kubernetes", "JOB_COMPLETION_INDEX", 0, None),
    // GitHub has no variable for it; its action sets these.
    engine("GitHub", "LABRUN_JOB_INDEX", 0, Some("LABRUN_JOB_TOTAL")),
];

const fn engine(
    name: &'static str,
    index: &'static str,
    first: usize,
    total: Option<&'static str>,
) -> Engine {
    Engine { name, index, first, total }
}

impl FromStr for Partition {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Partition, Failure> {
        match text.strip_prefix("auto") {
            Some("") => Ok(Partition::Auto(None)),
            // The last part of so many is one if any is.
            Some(of) if of.starts_with('/') => {
                let of = &of[1..];
                let last = format!("{of}/{of}").parse::<Shard>().map_err(|_| {
                    Failure::usage(format!(
                        "`{text}` is not a part: `auto/N` wants a number of parts, as in `auto/4`"
                    ))
                })?;
                Ok(Partition::Auto(Some(last.of)))
            }
            _ => text.parse().map(Partition::Given),
        }
    }
}

impl Partition {
    /// The part itself, where `variable` looks up the environment.
    ///
    /// # Errors
    /// If no engine tells it, one tells nonsense, or two contradict each other.
    pub fn part(self, variable: impl Fn(&str) -> Option<String>) -> Result<Shard, Failure> {
        let of = match self {
            Partition::Given(part) => return Ok(part),
            Partition::Auto(of) => of,
        };
        // An expression of a workflow that has no value is empty.
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let mut told: Vec<(&str, Shard)> = Vec::new();
        for engine in &ENGINES {
            told.extend(engine.part(of, &variable)?.map(|part| (engine.name, part)));
        }
        told.extend(slurm(&variable)?.map(|part| ("Slurm", part)));
        let Some(&(name, part)) = told.first() else { return Err(untold()) };
        if let Some((other, another)) = told.iter().find(|(_, other)| *other != part) {
            return Err(wrong(&format!(
                "{name} says that this is part {part}, and {other} that it is {another}: give it as `K/N`"
            )));
        }
        match of {
            Some(of) if of != part.of => Err(wrong(&format!(
                "{name} says that there are {} parts, and `auto/{of}` that there are {of}",
                part.of
            ))),
            _ => Ok(part),
        }
    }
}

impl Engine {
    /// The part that it tells, if it started this job.
    fn part(
        &self,
        of: Option<usize>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Shard>, Failure> {
        let total = self.total.map(|name| number(name, variable)).transpose()?.flatten();
        let Some(index) = number(self.index, variable)? else {
            return match (self.total, total) {
                // GitLab says so of a job that has no `parallel`.
                (_, Some(1)) => Ok(Some(Shard { number: 1, of: 1 })),
                (Some(name), Some(_)) => Err(lacks(self.index, name)),
                _ => Ok(None),
            };
        };
        let of = match (total, self.total, of) {
            (Some(total), ..) => total,
            (None, Some(name), _) => return Err(lacks(name, self.index)),
            (None, None, Some(of)) => of,
            (None, None, None) => {
                return Err(wrong(&format!(
                    "{} is set, but {} tells no job how many there are: say `auto/N`",
                    self.index, self.name
                )));
            }
        };
        let part = index.checked_sub(self.first).map(|nth| nth.saturating_add(1));
        let Some(part) = part.and_then(|number| shard(number, of)) else {
            return Err(wrong(&format!(
                "{} is {index}, but of {of} parts it goes from {} to {}",
                self.index,
                self.first,
                self.first.saturating_add(of).saturating_sub(1)
            )));
        };
        Ok(Some(part))
    }
}

/// The part that Slurm tells of a job in an array.
fn slurm(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Shard>, Failure> {
    const ID: &str = "SLURM_ARRAY_TASK_ID";
    let Some(id) = number(ID, variable)? else { return Ok(None) };
    let told = |name: &'static str| number(name, variable)?.ok_or_else(|| lacks(name, ID));
    let (first, last) = (told("SLURM_ARRAY_TASK_MIN")?, told("SLURM_ARRAY_TASK_MAX")?);
    let (step, of) = (told("SLURM_ARRAY_TASK_STEP")?, told("SLURM_ARRAY_TASK_COUNT")?);
    // Of `--array=1,3,7` no job knows which others there are.
    let steady = step > 0
        && of.checked_sub(1).and_then(|n| n.checked_mul(step)).and_then(|n| n.checked_add(first))
            == Some(last);
    if !steady {
        return Err(wrong(&format!(
            "Slurm's array has {of} tasks from {first} to {last}, which are not {step} apart \
             (SLURM_ARRAY_TASK_STEP): a range is wanted, as in `--array=1-4`"
        )));
    }
    let nth = id.checked_sub(first).filter(|far| far % step == 0).map(|far| far / step + 1);
    let part = nth.and_then(|number| shard(number, of));
    part.map(Some).ok_or_else(|| {
        wrong(&format!("{ID} is {id}, but the array goes from {first} to {last} by {step}"))
    })
}

/// Part `number` of `of`, if there can be one.
fn shard(number: usize, of: usize) -> Option<Shard> {
    format!("{number}/{of}").parse().ok()
}

/// What the variable `name` says, if it is set.
fn number(name: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<usize>, Failure> {
    let Some(text) = variable(name) else { return Ok(None) };
    let number = text.trim().parse();
    number.map(Some).map_err(|_| wrong(&format!("{name} is `{text}`, which is no number")))
}

fn lacks(missing: &str, there: &str) -> Failure {
    wrong(&format!("{there} is set, but {missing} is not"))
}

fn untold() -> Failure {
    let names: Vec<&str> = ENGINES.iter().map(|engine| engine.index).collect();
    wrong(&format!("none of {} and SLURM_ARRAY_TASK_ID is set", names.join(", ")))
}

fn wrong(why: &str) -> Failure {
    Failure::usage(format!("`--partition auto`: {why}"))
}

/// What the environment says, for [`Partition::part`].
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `text` comes to where the environment is `set`.
    fn part(text: &str, set: &str) -> Result<String, String> {
        let look = |name: &str| {
            let mut pairs = set.split_whitespace().filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_string())
        };
        let asked = text.parse::<Partition>().map_err(|error| error.to_string())?;
        asked.part(look).map(|part| part.to_string()).map_err(|error| error.to_string())
    }

    const ARRAY: &str = "SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=16 \
        SLURM_ARRAY_TASK_STEP=3 SLURM_ARRAY_TASK_COUNT=3";

    #[test]
    fn every_engine_counts_as_it_does() {
        for (set, wanted) in [
            ("CI_NODE_INDEX=1 CI_NODE_TOTAL=4", "1/4"),
            ("CI_NODE_INDEX=4 CI_NODE_TOTAL=4", "4/4"),
            ("CI_NODE_TOTAL=1", "1/1"),
            ("CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=4", "1/4"),
            ("CIRCLE_NODE_INDEX=3 CIRCLE_NODE_TOTAL=4", "4/4"),
            ("BUILDKITE_PARALLEL_JOB=1 BUILDKITE_PARALLEL_JOB_COUNT=4", "2/4"),
            ("LABRUN_JOB_INDEX=2 LABRUN_JOB_TOTAL=4 LABRUN_OTHER=9", "3/4"),
            ("CI_NODE_INDEX=2 CI_NODE_TOTAL=4 LABRUN_JOB_INDEX=1 LABRUN_JOB_TOTAL=4", "2/4"),
            (&format!("SLURM_ARRAY_TASK_ID=10 {ARRAY}"), "1/3"),
            (&format!("SLURM_ARRAY_TASK_ID=16 {ARRAY}"), "3/3"),
        ] {
            assert_eq!(part("auto", set).as_deref(), Ok(wanted), "{set}");
        }
        assert_eq!(part("auto/4", "JOB_COMPLETION_INDEX=3").unwrap(), "4/4");
        assert_eq!(part("auto/4", "CI_NODE_INDEX=2 CI_NODE_TOTAL=4").unwrap(), "2/4");
        assert_eq!(part("2/3", "CI_NODE_INDEX=1 CI_NODE_TOTAL=4").unwrap(), "2/3");
    }

    #[test]
    fn what_tells_no_part_is_named() {
        for (text, set, why) in [
            ("auto", "", "none of CI_NODE_INDEX, CIRCLE_NODE_INDEX, BUILDKITE_PARALLEL_JOB, JOB_"),
            ("auto/4", "", "SLURM_ARRAY_TASK_ID is set"),
            (
                "auto",
                "CI_NODE_INDEX=0 CI_NODE_TOTAL=4",
                "CI_NODE_INDEX is 0, but of 4 parts it goes from 1 to 4",
            ),
            ("auto", "CI_NODE_INDEX=5 CI_NODE_TOTAL=4", "from 1 to 4"),
            ("auto", "CIRCLE_NODE_INDEX=4 CIRCLE_NODE_TOTAL=4", "from 0 to 3"),
            ("auto", "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=0", "of 0 parts"),
            (
                "auto",
                "BUILDKITE_PARALLEL_JOB=-1 BUILDKITE_PARALLEL_JOB_COUNT=2",
                "`-1`, which is no number",
            ),
            ("auto", "CI_NODE_INDEX=2", "CI_NODE_INDEX is set, but CI_NODE_TOTAL is not"),
            ("auto", "CI_NODE_TOTAL=4", "CI_NODE_TOTAL is set, but CI_NODE_INDEX is not"),
            ("auto", "JOB_COMPLETION_INDEX=0", "say `auto/N`"),
            (
                "auto/2",
                "JOB_COMPLETION_INDEX=2",
                "JOB_COMPLETION_INDEX is 2, but of 2 parts it goes from 0 to 1",
            ),
            ("auto/2", "CI_NODE_INDEX=1 CI_NODE_TOTAL=4", "GitLab says that there are 4 parts"),
            (
                "auto",
                "CI_NODE_INDEX=1 CI_NODE_TOTAL=4 CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=4",
                "GitLab says that this is part 1/4, and CircleCI that it is 2/4",
            ),
            ("auto", "SLURM_ARRAY_TASK_ID=1", "SLURM_ARRAY_TASK_MIN is not"),
            (
                "auto",
                "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 \
                 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=3",
                "a range is wanted",
            ),
            ("auto", &format!("SLURM_ARRAY_TASK_ID=11 {ARRAY}"), "SLURM_ARRAY_TASK_ID is 11"),
            ("auto", &format!("SLURM_ARRAY_TASK_ID=19 {ARRAY}"), "from 10 to 16 by 3"),
            ("auto/", "", "`auto/4`"),
            ("auto/0", "", "`auto/4`"),
            ("auto/x", "", "`auto/4`"),
            ("automatic", "", "`K/N`"),
        ] {
            let error = part(text, set).unwrap_err();
            assert!(error.contains(why), "{text} {set}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_environment_gives_a_part_that_there_is_not(
            values in proptest::collection::vec("[0-9]{0,3}|18446744073709551615|x", 13),
            set in proptest::collection::vec(any::<bool>(), 13),
            of in proptest::option::of(1usize..100),
        ) {
            let names = [
                "CI_NODE_INDEX", "CI_NODE_TOTAL", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL",
                "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", "JOB_COMPLETION_INDEX",
                "LABRUN_JOB_INDEX", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN",
                "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT",
            ];
            let look = |name: &str| {
                let index = names.iter().position(|one| *one == name)?;
                set[index].then(|| values[index].clone())
            };
            if let Ok(part) = Partition::Auto(of).part(look) {
                prop_assert!((1..=part.of).contains(&part.number));
            }
        }
    }
}
