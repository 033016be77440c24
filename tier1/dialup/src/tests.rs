//! The connector under a virtual clock, and under every order of what can happen.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn terms() -> Terms {
    Terms {
        dial_timeout: 90 * SECOND,
        tries: 3,
        redial: 60 * SECOND,
        idle: 15 * SECOND,
        longest_call: 600 * SECOND,
    }
}

fn actions(line: &mut Line) -> Vec<Action> {
    std::iter::from_fn(|| line.poll_action()).collect()
}

fn busy() -> Failure {
    Failure::new(Kind::LineBusy, "")
}

/// A line on which a call stands since second 10.
fn up() -> Line {
    let mut line = Line::new(terms());
    line.handle_wanted();
    line.handle_device(Ok(()), Duration::ZERO);
    line.handle_link(Ok(()), 9 * SECOND);
    line.handle_answer(10 * SECOND);
    let done = [Action::Reserve, Action::Dial, Action::LookForPeer, Action::Up];
    assert_eq!(actions(&mut line), done);
    line
}

/// Claims: 18
#[test]
fn mail_waits_the_line_is_dialled_and_hung_up_when_nothing_crosses() {
    let mut line = up();
    assert_eq!(line.next_timeout(), Some(25 * SECOND));
    line.handle_activity(20 * SECOND);
    line.handle_timeout(25 * SECOND);
    assert!(actions(&mut line).is_empty(), "something crossed at 20");
    line.handle_timeout(35 * SECOND);
    assert_eq!(actions(&mut line), [Action::Leave]);
    line.handle_released(36 * SECOND);
    assert_eq!(actions(&mut line), [Action::HangUp]);
    assert_eq!(line.state().as_str(), "hanging-up");
    line.handle_hung_up(Ok(()), 37 * SECOND);
    assert_eq!(actions(&mut line), [Action::Free, Action::Over]);
    assert_eq!((line.state(), line.next_timeout()), (&State::Idle, None), "nothing waits: no call");
}

/// Claims: 18
#[test]
fn a_try_that_fails_is_made_again_after_its_pause_and_no_oftener_than_said() {
    let mut line = Line::new(terms());
    line.handle_wanted();
    let mut now = Duration::ZERO;
    for number in 1..=3 {
        assert_eq!(actions(&mut line), [Action::Reserve]);
        line.handle_device(Ok(()), now);
        line.handle_link(Err(busy()), now);
        assert_eq!(
            actions(&mut line),
            [Action::Dial, Action::HangUp],
            "a part of the way may stand"
        );
        line.handle_hung_up(Ok(()), now);
        let next = (number < 3).then_some(60 * SECOND);
        let mut told = vec![Action::Free, Action::Tell { failure: busy(), number, next }];
        told.extend((number == 3).then(|| Action::GiveUp(busy())));
        assert_eq!(actions(&mut line), told);
        line.handle_timeout(now + 59 * SECOND);
        assert!(actions(&mut line).is_empty());
        now += 60 * SECOND;
        line.handle_timeout(now);
    }
    assert_eq!(line.state(), &State::Idle);
    assert!(actions(&mut line).is_empty());
}

#[test]
fn whoever_put_something_right_need_not_wait_for_the_next_try() {
    let mut line = Line::new(terms());
    line.handle_wanted();
    line.handle_device(Err(Failure::new(Kind::DeviceBusy, "pid 17")), Duration::ZERO);
    let told = actions(&mut line);
    assert!(matches!(told.as_slice(), [Action::Reserve, Action::Tell { next: Some(_), .. }]));
    assert_eq!(line.state(), &State::Redialling { number: 2, until: 60 * SECOND });
    line.handle_hurry();
    assert_eq!(actions(&mut line), [Action::Reserve]);
    line.handle_hurry();
    assert!(actions(&mut line).is_empty(), "it is under way");
}

#[test]
fn a_call_that_takes_too_long_to_come_about_is_given_up() {
    let one = Terms { tries: 1, ..terms() };
    for (link, kind) in [(false, Kind::TimedOut), (true, Kind::Silent)] {
        let mut line = Line::new(one.clone());
        line.handle_wanted();
        line.handle_device(Ok(()), SECOND);
        if link {
            line.handle_link(Ok(()), 60 * SECOND);
        }
        drop(actions(&mut line));
        line.handle_timeout(90 * SECOND);
        assert!(actions(&mut line).is_empty());
        line.handle_timeout(91 * SECOND);
        let stop = [Action::StopDialling, Action::HangUp];
        assert_eq!(actions(&mut line), stop[usize::from(link)..]);
        line.handle_hung_up(Ok(()), 92 * SECOND);
        let told = actions(&mut line);
        let Some(Action::GiveUp(failure)) = told.last() else { panic!("{told:?}") };
        assert_eq!(failure.kind, kind);
    }
}

#[test]
fn a_call_that_never_ends_is_cut_and_so_is_one_whose_link_is_lost() {
    let mut line = up();
    for second in 10..610 {
        line.handle_activity(second * SECOND);
        line.handle_timeout(second * SECOND);
        assert!(actions(&mut line).is_empty(), "{second}");
    }
    line.handle_timeout(610 * SECOND);
    let cut = actions(&mut line);
    let kind = |cut: &[Action]| match cut {
        [Action::Cut(failure), Action::Tell { .. }, Action::HangUp] => failure.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(&cut), Kind::TooLong);
    let mut line = up();
    line.handle_lost("pppd ended with 16", 11 * SECOND);
    assert_eq!(kind(&actions(&mut line)), Kind::Lost);
    line.handle_hung_up(Ok(()), 12 * SECOND);
    assert_eq!(actions(&mut line), [Action::Free, Action::Over]);
    line.handle_wanted();
    assert_eq!(
        actions(&mut line),
        [Action::Reserve],
        "what was on its way waits for the next call"
    );
}

#[test]
fn leave_that_nobody_takes_ends_with_the_call() {
    let mut line = up();
    line.handle_timeout(25 * SECOND);
    assert_eq!(actions(&mut line), [Action::Leave]);
    line.handle_timeout(300 * SECOND);
    assert!(actions(&mut line).is_empty(), "leave is asked for once");
    line.handle_timeout(610 * SECOND);
    assert!(matches!(actions(&mut line).first(), Some(Action::Cut(_))));
}

#[test]
fn a_link_that_cannot_be_taken_down_is_told_and_the_connector_goes_on() {
    let mut line = up();
    line.handle_released(20 * SECOND);
    line.handle_timeout(50 * SECOND);
    let told = actions(&mut line);
    let [Action::HangUp, Action::Free, Action::Tell { failure, .. }, Action::Over] =
        told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!(failure.kind, Kind::NotHungUp);
}

#[test]
fn a_server_that_stops_hangs_up_and_dials_no_more() {
    let mut line = up();
    line.handle_stop(11 * SECOND);
    assert_eq!(actions(&mut line), [Action::Leave], "in order first");
    line.handle_released(12 * SECOND);
    line.handle_hung_up(Ok(()), 13 * SECOND);
    assert_eq!(actions(&mut line), [Action::HangUp, Action::Free, Action::Over]);
    line.handle_wanted();
    assert!(actions(&mut line).is_empty());

    let mut line = Line::new(terms());
    line.handle_wanted();
    line.handle_device(Ok(()), Duration::ZERO);
    line.handle_stop(SECOND);
    let expected = [Action::Reserve, Action::Dial, Action::StopDialling, Action::HangUp];
    assert_eq!(actions(&mut line), expected);

    let mut line = Line::new(terms());
    line.handle_wanted();
    line.handle_stop(SECOND);
    assert_eq!(actions(&mut line), [Action::Reserve, Action::Free, Action::Over]);
}

/// Eight inputs in 413,343 orders, whether they make sense or not: no dial command starts while another runs or a link may stand, and
/// the device is given back.
#[test]
fn no_order_of_events_leaves_a_link_or_a_command_behind() {
    const STEPS: u32 = 8;
    const INPUTS: u32 = 9;
    for order in 0..INPUTS.pow(5) * 7 {
        let mut line = Line::new(Terms { tries: 2, ..terms() });
        let mut now = Duration::ZERO;
        // What is there: a device, a running command, a link that may stand.
        let (mut device, mut dialled) = (false, false);
        let mut rest = order.wrapping_mul(2_654_435_761) ^ order;
        line.handle_wanted();
        for _ in 0..STEPS {
            match rest % INPUTS {
                0 => line.handle_wanted(),
                1 => line.handle_device(Ok(()), now),
                2 => line.handle_link(Ok(()), now),
                3 => line.handle_link(Err(busy()), now),
                4 => line.handle_answer(now),
                5 => line.handle_released(now),
                6 => line.handle_lost("lost", now),
                7 => line.handle_hung_up(Ok(()), now),
                _ => {
                    now = line.next_timeout().unwrap_or(now);
                    line.handle_timeout(now);
                }
            }
            rest /= INPUTS;
            for action in actions(&mut line) {
                match action {
                    Action::Dial => {
                        assert!(!dialled, "order {order}: dialled over a link");
                        (device, dialled) = (true, true);
                    }
                    Action::Free => (device, dialled) = (false, false),
                    Action::Reserve => assert!(!device, "order {order}: the device was not free"),
                    _ => {}
                }
            }
            let resting = matches!(line.state(), State::Idle | State::Redialling { .. });
            assert!(!(resting && (device || dialled)), "order {order}: {:?}", line.state());
        }
    }
}
