//! Where a run of a test that failed parts from those that passed: the first message that is another.

use crate::analysis::ladder::Ladder;

/// Of one run no more messages are kept; what parts later is seldom the cause.
const LONGEST: usize = 10_000;

/// Who sent what to whom in a run, in order: what runs of one test have in common, without times and numbers that each
/// draws anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course(Vec<String>);

impl Course {
    /// That of a run with this ladder.
    pub fn of(ladder: &Ladder) -> Course {
        let message = |row: &super::ladder::Row| {
            let name = |node: &usize| ladder.nodes[*node].as_str();
            let to: Vec<&str> = row.to.iter().map(name).collect();
            let to = if to.is_empty() { "nobody".into() } else { to.join(", ") };
            format!("{} from {} to {to}", row.label, name(&row.from))
        };
        Course(ladder.rows.iter().take(LONGEST).map(message).collect())
    }

    /// How many messages both begin with.
    fn shared(&self, other: &Course) -> usize {
        self.0.iter().zip(&other.0).take_while(|(one, two)| one == two).count()
    }

    /// Where this course, of a run that failed, parts from that one of `passed` which it follows longest; `None` if
    /// none has passed.
    pub fn parting(&self, passed: &[Course]) -> Option<String> {
        // Of equals the one with the fewest messages that this one lacks.
        let rank = |one: &&Course| (self.shared(one), std::cmp::Reverse(one.0.len()));
        let nearest = passed.iter().max_by_key(rank)?;
        let shared = self.shared(nearest);
        let number = shared + 1;
        Some(match (self.0.get(shared), nearest.0.get(shared)) {
            // Nothing to compare is nothing to tell.
            (None, None) if shared == 0 => return None,
            (None, None) => "a run that passed had the same messages".into(),
            (Some(own), Some(other)) => {
                format!(
                    "message {number} is the first that no run that passed had there: {own}, where one had {other}"
                )
            }
            (Some(own), None) => {
                format!("message {number} is one more than a run that passed had: {own}")
            }
            (None, Some(other)) => {
                let after = self.0.last().map_or(String::new(), |last| format!(" after {last}"));
                format!("message {number} is missing{after}: in a run that passed it was {other}")
            }
        })
    }
}
