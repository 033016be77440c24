//! The states of a recipient, as one table.
//!
//! ```text
//!             Durable  Refused  Take      Done      Retry    Fail      Return    Due     Expire  End       Report
//! Committing  Queued   Gone     -         -         -        -         -         -       -       -         -
//! Queued      -        -        InFlight  Removing  -        Failed    -         -       Failed  Removing  -
//! InFlight    -        -        -         Removing  Waiting  Failed    Queued    -       -       Doomed    -
//! Doomed      -        -        -         Removing  Removing Removing  Removing  -       -       -         -
//! Waiting     -        -        -         Removing  -        Failed    -         Queued  Failed  Removing  -
//! Failed      -        -        -         Removing  -        -         -         -       -       Removing  Reporting
//! Reporting   Gone     -        -         -         -        -         -         -       -       -         -
//! Removing    Gone     -        -         -         -        -         -         -       -       -         -
//! Gone        -        -        -         -         -        -         -         -       -       -         -
//! ```
//!
//! A dash means that the input changes nothing: it came late, or for something that is already decided. `Done` counts
//! in every state before the decision, because a peer that took responsibility keeps it, also when its answer was
//! overtaken by the loss of the association.

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
            (Self::InFlight, Input::Retry { due }) => Some(Self::Waiting { due }),
            (Self::Queued | Self::InFlight | Self::Waiting { .. }, Input::Fail)
            | (Self::Queued | Self::Waiting { .. }, Input::Expire) => Some(Self::Failed),
            (Self::InFlight, Input::End) => Some(Self::Doomed),
            (Self::Failed, Input::Report) => Some(Self::Reporting),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    const INPUTS: [(&str, Input); 11] = [
        ("Durable", Input::Durable),
        ("Refused", Input::Refused),
        ("Take", Input::Take),
        ("Done", Input::Done),
        ("Retry", Input::Retry { due: DUE }),
        ("Fail", Input::Fail),
        ("Return", Input::Return),
        ("Due", Input::Due),
        ("Expire", Input::Expire),
        ("End", Input::End),
        ("Report", Input::Report),
    ];

    /// The table of this module's documentation is the expectation, cell by cell.
    #[test]
    fn code_agrees_with_the_table_above() {
        let mut rows = include_str!("state.rs")
            .lines()
            .skip_while(|line| !line.starts_with("//! ```text"))
            .skip(1)
            .take_while(|line| !line.starts_with("//! ```"))
            .map(|line| line.trim_start_matches("//!").split_whitespace());
        let heads: Vec<&str> = rows.next().unwrap().collect();
        assert_eq!(heads, INPUTS.map(|(name, _)| name));
        let mut cells = 0;
        for (mut row, (name, state)) in rows.zip(STATES) {
            assert_eq!(row.next(), Some(name));
            for (expected, (head, input)) in row.zip(INPUTS) {
                let expected =
                    STATES.iter().find(|(name, _)| *name == expected).map(|(_, state)| *state);
                assert_eq!(state.next(input), expected, "{name} on {head}");
                cells += 1;
            }
        }
        assert_eq!(cells, STATES.len() * INPUTS.len());
    }
}
