//! The states that a connection has sent to its client, so that no state is sent twice in a row.

use super::frame::SubjectState;
use std::collections::VecDeque;

/// The maximum number of subjects that are remembered.
const REMEMBERED: usize = 256;

/// The latest state sent of each subject, the least recent first. It allocates no memory until the
/// first state.
#[derive(Default)]
pub(super) struct States(VecDeque<SubjectState>);

impl States {
    /// Remembers a state, and returns whether it differs from the last one sent for its subject.
    pub(super) fn is_news(&mut self, state: SubjectState) -> bool {
        let last = self.0.iter().position(|last| last.subject == state.subject);
        if last.is_some_and(|at| self.0[at].state == state.state) {
            return false;
        }
        if let Some(at) = last {
            self.0.remove(at);
        } else if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(state);
        true
    }

    /// Forgets all states, since a frame was skipped whose subjects are not known.
    pub(super) fn forget(&mut self) {
        self.0 = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_sent_once_until_it_changes() {
        let mut states = States::default();
        let mut tell = |subject, state| states.is_news(SubjectState { subject, state });
        assert!(tell(1, 1) && !tell(1, 1));
        assert!(tell(2, 1) && tell(1, 2) && tell(1, 1));
        assert!(!tell(2, 1));
    }

    #[test]
    fn a_forgotten_state_is_sent_again() {
        let mut states = States::default();
        assert!(states.is_news(SubjectState { subject: 1, state: 1 }));
        states.forget();
        assert!(states.is_news(SubjectState { subject: 1, state: 1 }));
    }

    #[test]
    fn a_bounded_number_of_subjects_is_remembered() {
        let mut states = States::default();
        for subject in 0..10_000 {
            states.is_news(SubjectState { subject, state: 1 });
        }
        assert_eq!(states.0.len(), REMEMBERED);
        assert!(!states.is_news(SubjectState { subject: 9_999, state: 1 }));
    }
}
