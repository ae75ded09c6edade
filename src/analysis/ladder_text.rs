//! A ladder as lines of text.

use crate::analysis::ladder::{Extent, Ladder, Row};
use crate::packet::summary::short;
use crate::text::{TIME, cut, fit, paint, plain, time, width};

/// Nodes closer together than this are not drawn but listed.
const CLOSE: usize = 12;
/// Details get at least so many columns, or are dropped.
const DETAIL: usize = 12;

impl Ladder {
    /// As much of the ladder as `extent` says, in lines of at most `columns`. Where the nodes do
    /// not fit side by side it is a list.
    pub fn text(&self, columns: usize, extent: Extent) -> Vec<String> {
        if self.rows.is_empty() {
            return vec![cut("no messages", columns)];
        }
        // One that was read from a report may hold anything.
        let ladder = self.plain();
        let Some(grid) = Grid::of(&ladder, columns) else { return ladder.list(columns, extent) };
        let mut lines = vec![grid.head(&ladder)];
        lines.extend(ladder.shown(|row| grid.row(row), columns, extent));
        lines.extend(self.rest(columns));
        lines.iter().map(|line| line.trim_end().to_string()).collect()
    }

    /// [`Ladder::text`], with colours.
    pub fn coloured(&self, columns: usize, extent: Extent) -> Vec<String> {
        let code = |c| match c {
            '─' | '├' | '┤' | '┼' | '◀' | '▶' => "36",
            '│' => "2",
            '×' => "1;31",
            _ => "",
        };
        self.text(columns, extent).iter().map(|line| paint(line, code)).collect()
    }

    fn plain(&self) -> Ladder {
        let row =
            |row: &Row| Row { label: plain(&row.label), detail: plain(&row.detail), ..row.clone() };
        Ladder {
            nodes: self.nodes.iter().map(|name| plain(name)).collect(),
            rows: self.rows.iter().map(row).collect(),
            ..*self
        }
    }

    fn list(&self, columns: usize, extent: Extent) -> Vec<String> {
        let name = |node: &usize| self.nodes[*node].as_str();
        let line = |row: &Row| {
            let to = if row.to.is_empty() {
                "nobody".into()
            } else {
                row.to.iter().map(name).collect::<Vec<_>>().join(", ")
            };
            cut(
                format!(
                    "{}  {} → {to}  {}  {}",
                    time(row.at),
                    name(&row.from),
                    row.label,
                    row.detail
                )
                .trim_end(),
                columns,
            )
        };
        let mut lines = self.shown(line, columns, extent);
        lines.extend(self.rest(columns));
        lines
    }

    /// The rows that are shown, and how many are not.
    fn shown(&self, line: impl Fn(&Row) -> String, columns: usize, extent: Extent) -> Vec<String> {
        let (hidden, more) = self.gap(extent);
        let mut lines: Vec<String> = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            if index == hidden.start && more > 0 {
                lines.push(cut(&format!("{:>TIME$}  {more} more", "…"), columns));
            }
            if !hidden.contains(&index) {
                lines.push(line(row));
            }
        }
        lines
    }

    /// What is said of what was left out.
    pub(crate) fn left_out_words(&self) -> Option<String> {
        let what = if self.left_out == 1 { "message" } else { "messages" };
        (self.left_out > 0).then(|| {
            format!("{} {what} of ARP, neighbour discovery and the like left out", self.left_out)
        })
    }

    fn rest(&self, columns: usize) -> Option<String> {
        self.left_out_words().map(|words| cut(&format!("{:TIME$}  {words}", ""), columns))
    }
}

/// Where things are in a line.
struct Grid {
    /// How many columns there are.
    columns: usize,
    /// Column of each node's line.
    nodes: Vec<usize>,
    /// Columns between the lines of two nodes.
    gap: usize,
    /// Column and width of the details.
    detail: Option<(usize, usize)>,
}

impl Grid {
    /// A grid within `columns`; `None` if the nodes would be too close together.
    fn of(ladder: &Ladder, columns: usize) -> Option<Grid> {
        let names: Vec<usize> = ladder.nodes.iter().map(|n| width(n)).collect();
        let half = |name: Option<&usize>| name.map_or(0, |n| n / 2).min(CLOSE / 2);
        let (left, right) = (TIME + 2 + half(names.first()), half(names.last()) + 1);
        let room = columns.checked_sub(left + right)?;
        // A single node gets room for an arrow that leads nowhere.
        let gaps = (names.len() - 1).max(1);
        let most = room / gaps;
        if most < CLOSE {
            return None;
        }
        let widest = names.iter().max().copied().unwrap_or_default() + 2;
        let labels = |of: fn(&str) -> String| {
            ladder.rows.iter().map(|row| width(&of(&row.label))).max().unwrap_or_default()
        };
        let details = ladder.rows.iter().map(|row| width(&row.detail)).max().unwrap_or_default();
        let begin = |gap: usize| left + gap * gaps + right + 1;
        let wide = (labels(|label| label.into()) + 7).max(widest).max(CLOSE);
        let narrow = (labels(short) + 4).max(widest).max(CLOSE);
        // Nodes stand closer together if that makes room for details.
        let gap = if begin(wide) + details > columns && begin(narrow) + DETAIL <= columns {
            narrow
        } else {
            wide.min(most)
        };
        let rest = columns.saturating_sub(begin(gap)).min(details);
        let detail = (rest >= DETAIL.min(details) && rest > 0).then_some((begin(gap), rest));
        Some(Grid {
            columns,
            nodes: (0..names.len()).map(|i| left + i * gap).collect(),
            gap,
            detail,
        })
    }

    /// A line of `nothing` but `ladder`'s node lines.
    fn empty(&self) -> Vec<char> {
        let end = self
            .nodes
            .last()
            .copied()
            .unwrap_or_default()
            .max(self.nodes[0] + if self.nodes.len() == 1 { self.gap } else { 0 });
        let mut line = vec![' '; end + 1];
        self.nodes.iter().for_each(|column| line[*column] = '│');
        line
    }

    fn head(&self, ladder: &Ladder) -> String {
        let mut line = String::new();
        for (name, column) in ladder.nodes.iter().zip(&self.nodes) {
            let name = cut(name, self.gap - 1);
            let begin = column
                .saturating_sub(width(&name) / 2)
                .min(self.columns.saturating_sub(width(&name)));
            let begin = begin.max(width(&line) + usize::from(!line.is_empty()));
            line = fit(&line, begin, ' ') + &cut(&name, self.columns.saturating_sub(begin));
        }
        line
    }

    fn row(&self, row: &Row) -> String {
        let mut line = self.empty();
        let from = self.nodes[row.from];
        let targets: Vec<usize> = row.to.iter().map(|to| self.nodes[*to]).collect();
        let (first, last) = (targets.iter().min().copied(), targets.iter().max().copied());
        // Where the arrows lead, left and right of the sender.
        let mut left = first.filter(|column| *column < from);
        let mut right = last.filter(|column| *column > from);
        if left.is_none() && right.is_none() {
            // Nobody got it: the arrow ends in between, to the left if there is nobody on the
            // right.
            if row.from + 1 == self.nodes.len() && self.nodes.len() > 1 {
                left = Some(from - self.gap + 1);
            } else {
                right = Some(from + self.gap - 1);
            }
        }
        let crossed = |c: char| if c == '│' { '│' } else { '─' };
        if let Some(end) = left {
            line[end + 1..from].iter_mut().for_each(|c| *c = crossed(*c));
        }
        if let Some(end) = right {
            line[from + 1..end].iter_mut().for_each(|c| *c = crossed(*c));
        }
        line[from] = match (left, right) {
            (Some(_), Some(_)) => '┼',
            (Some(_), None) => '┤',
            _ => '├',
        };
        for target in &targets {
            match target.cmp(&from) {
                std::cmp::Ordering::Less => line[target + 1] = '◀',
                std::cmp::Ordering::Greater => line[target - 1] = '▶',
                std::cmp::Ordering::Equal => {}
            }
        }
        if targets.is_empty() {
            left.iter().chain(right.iter()).for_each(|end| line[*end] = '×');
        }
        let line = self.label(&line, row, from, left, right);
        match self.detail {
            Some((column, room)) => format!(
                "{}{}{}",
                time(row.at),
                &fit(&line, column, ' ')[TIME..],
                cut(&row.detail, room)
            ),
            None => format!("{}{}", time(row.at), &line[TIME..]),
        }
    }

    /// Writes the label over the longest stretch of the arrow that nothing stands in.
    fn label(
        &self,
        line: &[char],
        row: &Row,
        from: usize,
        left: Option<usize>,
        right: Option<usize>,
    ) -> String {
        // An arrow that passes nodes by may be written over there, one that reaches them may not.
        let stops = |begin: usize, end: usize| {
            self.nodes.iter().zip(0..).any(|(c, i)| *c > begin && *c < end && row.to.contains(&i))
        };
        let mut spans = Vec::new();
        if let Some(end) = right {
            spans.push(if stops(from, end) {
                (from + 1, from + self.gap - 1)
            } else {
                (from + 1, end - 1)
            });
        }
        if let Some(end) = left {
            spans.push(if stops(end, from) {
                (from - self.gap + 2, from)
            } else {
                (end + 2, from)
            });
        }
        // The stretch beside the sender is enough for most labels, and hides no other node's line.
        let wanted = width(&row.label) + 2;
        let near = |span: &(usize, usize)| {
            let room = span.1 - span.0;
            if room <= self.gap || wanted > self.gap - 2 {
                *span
            } else if span.0 > from {
                (span.0, span.0 + self.gap - 2)
            } else {
                (span.1 - self.gap + 2, span.1)
            }
        };
        let Some((begin, end)) = spans.iter().map(near).max_by_key(|(begin, end)| end - begin)
        else {
            return line.iter().collect();
        };
        let room = end - begin;
        let label = format!(
            " {} ",
            cut(&fitting(&row.label, room.saturating_sub(2)), room.saturating_sub(2))
        );
        let at = begin + (room - width(&label)) / 2;
        let after = at + width(&label);
        line[..at].iter().collect::<String>() + &label + &line[after..].iter().collect::<String>()
    }
}

/// `label`, shortened if `room` is too small for all of it.
fn fitting(label: &str, room: usize) -> String {
    if width(label) <= room { label.into() } else { short(label) }
}
