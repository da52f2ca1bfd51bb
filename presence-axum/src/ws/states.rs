//! What a connection was told last of each subject.

use super::frame::Tells;
use std::collections::VecDeque;

/// How many subjects are remembered.
const REMEMBERED: usize = 256;

/// The states told last, those of the subjects heard of longest ago first. It takes no memory until
/// there is one.
#[derive(Default)]
pub(super) struct States(VecDeque<Tells>);

impl States {
    /// Whether this differs from what was told of the subject last, and remembers it.
    pub(super) fn is_news(&mut self, tells: Tells) -> bool {
        let last = self.0.iter().position(|last| last.subject == tells.subject);
        if last.is_some_and(|at| self.0[at].state == tells.state) {
            return false;
        }
        if let Some(at) = last {
            self.0.remove(at);
        } else if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(tells);
        true
    }

    /// Knows of nobody any more: something was not told, and nobody knows of whom.
    pub(super) fn forget(&mut self) {
        self.0 = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_news_once_until_it_changes() {
        let mut states = States::default();
        let mut tell = |subject, state| states.is_news(Tells { subject, state });
        assert!(tell(1, 1) && !tell(1, 1));
        assert!(tell(2, 1) && tell(1, 2) && tell(1, 1));
        assert!(!tell(2, 1));
    }

    #[test]
    fn what_was_forgotten_is_news_again() {
        let mut states = States::default();
        assert!(states.is_news(Tells { subject: 1, state: 1 }));
        states.forget();
        assert!(states.is_news(Tells { subject: 1, state: 1 }));
    }

    #[test]
    fn a_bounded_number_of_subjects_is_remembered() {
        let mut states = States::default();
        for subject in 0..10_000 {
            states.is_news(Tells { subject, state: 1 });
        }
        assert_eq!(states.0.len(), REMEMBERED);
        assert!(!states.is_news(Tells { subject: 9_999, state: 1 }));
    }
}
