//! What looks like a fault and is none.

use finding::Cause;

use super::{Rule, rule};
use crate::offline::sign::{calm, event, says};

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::BenignEventMisreported,
        "event logged wrongly harmless can be ignored mail flows normally service continues only cosmetic informational spurious no effect logged although works repeated warnings otherwise healthy diagnostics",
        &[
            event(&[251], 2.6),
            event(&[2200, 2201], 3.2),
            event(&[2253], 3.0),
            event(&[2247], 2.6),
            event(&[2187], 1.4),
            event(&[9407], 2.4),
            event(&[2004], 1.8),
            event(&[2245], 0.8),
            event(&[9224, 9221], 0.7),
            event(&[3161, 9297], -0.6),
            event(&[2125], 0.5),
            event(&[1209, 4283, 9236], 0.6),
            event(&[9316, 9323], 0.4),
            says(
                "mail|messages|service|services|transfer flow|flows|continue|continues|works|normal|normally|unaffected|affected|fine|ok",
                2.2,
            ),
            says(
                "harmless|ignore|ignored|cosmetic|spurious|unaffected|no+impact|no+problem|apparent",
                3.0,
            ),
            says(
                "event|events|logged|warning only|although|but|every|each start|works|delivered|flow",
                1.0,
            ),
            says("perfmon|performance+monitor|counter|counters", 0.9),
            says("diagnostic|diagnostics|logging maximum|high|level", 1.4),
            says("deferred", 0.5),
            says("stop|stops|crash|backlog|ndr|queue|hang|start|fail|access+denied", -0.8),
            calm(2.6),
            event(&[2206, 2207, 316, 9131, 1279, 2035, 2036, 2037, 1001, 4282, 4258], 0.5),
        ],
        "see whether mail flows at the time of the event: if it does and nothing else is wrong, leave it",
        &["Nothing needs doing: mail is not affected. An update removes the event."],
    ),
    rule(
        Cause::BenignByDesign,
        "normal behaviour by design expected works as intended no fault limit documented normal start stop",
        &[
            says("by+design|expected|intended|normal+behaviour|normal+behavior", 3.6),
            says("normal|expected|design", 1.6),
            event(&[9298, 9299, 271, 272, 285, 296, 2166, 2167, 273, 275], 1.4),
            event(&[1279, 9131, 9134, 4258], 0.7),
            event(&[287, 301], 0.3),
            says("question|wonder*|why", 0.6),
            says("stop|stops|crash|backlog|hang|fail", -0.6),
            calm(0.6),
            says("default|documented", 0.6),
            says("normal start|stop|shutdown", 1.2),
        ],
        "compare what is seen with what the product is documented to do",
        &["Nothing needs doing: this is how it works."],
    ),
];
