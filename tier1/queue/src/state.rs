//! The states of a recipient and of a message: two tables, the same as in `docs/queue.md`, to which a test holds them.
//!
//! What a table leaves out changes nothing: the input came late, or for something that is already decided. `Done`
//! counts in every state before the decision, because a peer that took responsibility keeps it, also when its answer
//! was overtaken by the loss of the association.

use jiff::Timestamp;

/// Where one recipient stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The commit that makes it durable is under way; nobody outside was told yet.
    Committing,
    /// Ready to be taken.
    Queued,
    /// Handed to the caller.
    InFlight,
    /// Handed to the caller, and to be removed however the attempt ends.
    Doomed,
    /// Tried without success; tried again at `due`.
    Waiting {
        /// When it is queued again.
        due: Timestamp,
    },
    /// Failed for good; the caller was asked for a report.
    Failed,
    /// The commit of the report and the removal is under way.
    Reporting,
    /// The commit of the removal is under way.
    Removing,
    /// Nothing is left of it.
    Gone,
}

/// What happens to one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The commit under way is durable.
    Durable,
    /// The commit of the acceptance failed.
    Refused,
    /// The caller takes it.
    Take,
    /// Delivered, or responsibility handed over.
    Done,
    /// The attempt failed and is made again at `due`.
    Retry {
        /// When.
        due: Timestamp,
    },
    /// The attempt failed for good.
    Fail,
    /// The hop broke, the attempt ended undecided.
    Return,
    /// It is not to be delivered before `due`.
    Defer {
        /// When.
        due: Timestamp,
    },
    /// Its delay is over.
    Due,
    /// The message's time is up.
    Expire,
    /// It ends without a report: deleted, or no report is wanted or possible.
    End,
    /// The report is made.
    Report,
}

impl State {
    /// The table: the next state, or `None` where the input changes nothing.
    pub(crate) fn next(self, input: Input) -> Option<State> {
        match (self, input) {
            (Self::Committing, Input::Durable)
            | (Self::Waiting { .. }, Input::Due)
            | (Self::InFlight, Input::Return) => Some(Self::Queued),
            (Self::Committing, Input::Refused)
            | (Self::Reporting | Self::Removing, Input::Durable) => Some(Self::Gone),
            (Self::Queued, Input::Take) => Some(Self::InFlight),
            (
                Self::Queued | Self::InFlight | Self::Doomed | Self::Waiting { .. } | Self::Failed,
                Input::Done,
            )
            | (Self::Doomed, Input::Retry { .. } | Input::Fail | Input::Return)
            | (Self::Queued | Self::Waiting { .. } | Self::Failed, Input::End) => {
                Some(Self::Removing)
            }
            (Self::InFlight, Input::Retry { due }) | (Self::Queued, Input::Defer { due }) => {
                Some(Self::Waiting { due })
            }
            (Self::Queued | Self::InFlight | Self::Waiting { .. }, Input::Fail)
            | (Self::Queued | Self::Waiting { .. }, Input::Expire) => Some(Self::Failed),
            (Self::InFlight, Input::End) => Some(Self::Doomed),
            (Self::Failed, Input::Report) => Some(Self::Reporting),
            _ => None,
        }
    }
}

/// Where a message as a whole stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The commit that makes it durable is under way; nobody outside was told yet.
    Arriving,
    /// It is on disk and its recipients are served.
    Standing,
    /// It crashed or stalled processing too often: none of its recipients is handed out.
    Aside,
    /// Its last recipient is being removed, and it with them.
    Leaving,
    /// Nothing is left of it.
    Gone,
}

/// What happens to a message as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The commit under way is durable.
    Durable,
    /// The commit of the acceptance failed.
    Refused,
    /// Its evidence is complete.
    SetAside,
    /// An operator lets it go on.
    Release,
    /// No recipient is left to be served.
    Emptied,
}

impl Phase {
    /// The table: the next phase, or `None` where the input changes nothing.
    pub(crate) fn next(self, turn: Turn) -> Option<Phase> {
        match (self, turn) {
            (Self::Arriving, Turn::Durable) | (Self::Aside, Turn::Release) => Some(Self::Standing),
            (Self::Arriving, Turn::Refused) | (Self::Leaving, Turn::Durable) => Some(Self::Gone),
            (Self::Standing, Turn::SetAside) => Some(Self::Aside),
            (Self::Standing | Self::Aside, Turn::Emptied) => Some(Self::Leaving),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/queue.md");
    const DUE: Timestamp = Timestamp::UNIX_EPOCH;

    const STATES: [(&str, State); 9] = [
        ("Committing", State::Committing),
        ("Queued", State::Queued),
        ("InFlight", State::InFlight),
        ("Doomed", State::Doomed),
        ("Waiting", State::Waiting { due: DUE }),
        ("Failed", State::Failed),
        ("Reporting", State::Reporting),
        ("Removing", State::Removing),
        ("Gone", State::Gone),
    ];

    const INPUTS: [(&str, Input); 12] = [
        ("Durable", Input::Durable),
        ("Refused", Input::Refused),
        ("Take", Input::Take),
        ("Done", Input::Done),
        ("Retry", Input::Retry { due: DUE }),
        ("Fail", Input::Fail),
        ("Return", Input::Return),
        ("Defer", Input::Defer { due: DUE }),
        ("Due", Input::Due),
        ("Expire", Input::Expire),
        ("End", Input::End),
        ("Report", Input::Report),
    ];

    const PHASES: [(&str, Phase); 5] = [
        ("Arriving", Phase::Arriving),
        ("Standing", Phase::Standing),
        ("Aside", Phase::Aside),
        ("Leaving", Phase::Leaving),
        ("Gone", Phase::Gone),
    ];

    const TURNS: [(&str, Turn); 5] = [
        ("Durable", Turn::Durable),
        ("Refused", Turn::Refused),
        ("SetAside", Turn::SetAside),
        ("Release", Turn::Release),
        ("Emptied", Turn::Emptied),
    ];

    /// The table under a heading of the page, as words; the rule under the head row is left out.
    fn table(heading: &str) -> Vec<Vec<String>> {
        PAGE.lines()
            .skip_while(|line| *line != heading)
            .skip_while(|line| !line.starts_with('|'))
            .take_while(|line| line.starts_with('|'))
            .filter(|line| !line.starts_with("|---"))
            .map(|line| line.trim_matches('|').split('|').map(|w| w.trim().to_owned()).collect())
            .collect()
    }

    /// The page's table is the expectation, cell by cell.
    fn compare<S: Copy + PartialEq, I: Copy>(
        heading: &str,
        states: &[(&str, S)],
        inputs: &[(&str, I)],
        next: impl Fn(S, I) -> Option<S>,
    ) {
        let rows = table(heading);
        let heads: Vec<&str> = rows[0][1..].iter().map(String::as_str).collect();
        assert_eq!(heads, inputs.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        assert_eq!(rows.len(), states.len() + 1);
        for (row, (name, state)) in rows[1..].iter().zip(states) {
            assert_eq!(row[0], *name);
            assert_eq!(row.len(), inputs.len() + 1, "{name}");
            for (expected, (head, input)) in row[1..].iter().zip(inputs) {
                let got = next(*state, *input);
                let got = got.and_then(|got| states.iter().find(|(_, state)| *state == got));
                let got = got.map_or("-", |(name, _)| name);
                assert_eq!(got, expected, "{name} on {head}");
            }
        }
    }

    #[test]
    fn recipients_follow_the_table_of_the_page() {
        compare("### Recipients", &STATES, &INPUTS, State::next);
    }

    #[test]
    fn messages_follow_the_table_of_the_page() {
        compare("### Messages", &PHASES, &TURNS, Phase::next);
    }
}
