//! The P1 bind (X.411 12.1.1): judged where the account has proved the MTA or where this side called, else handed on.

use osi::{Layer, RefuseReason, Rejection};
use x400::{MtaBindArgument, MtaBindError, MtaBindResult, MtaIdentity};

use super::protocol::{BIND_ARGUMENT, BIND_ERROR, BIND_RESULT, unwrap, wrap};
use super::{
    Association, AssociationError, AssociationNames, BindRequest, Output, Refusal, RefusalProvider,
    Selectors,
};
use crate::credentials::{Expected, Mismatch};

/// How the P1 bind is made and judged.
pub(super) enum Bind {
    /// The RPC layer has proved the peer: only its name is compared.
    Proved(AssociationNames),
    /// The peer's answer has to fit this.
    Calling(Expected),
    /// The user of this association decides.
    Called {
        /// The peer bound without authentication, and is answered so.
        unauthenticated: bool,
    },
}

/// Who this MTA is, by the form that its name has in X.400. The password is empty: over the RPC carrier the account proves the MTA.
pub(super) fn identity_of(name: &str) -> MtaIdentity {
    MtaIdentity::with_password(x400::ia5_name(name), "")
}

impl Association {
    pub(super) fn answer_open(
        &mut self,
        argument: &[u8],
        two_way: bool,
        called: Selectors,
    ) -> Result<(), AssociationError> {
        let protocol = self.protocol;
        let identity = match MtaBindArgument::decode(protocol.unwrap(BIND_ARGUMENT, argument)?)? {
            MtaBindArgument::Authenticated(identity) => Some(identity),
            MtaBindArgument::Unauthenticated => None,
        };
        let names = match &mut self.bind {
            Bind::Proved(names) => names,
            Bind::Calling(_) => return Ok(()),
            Bind::Called { unauthenticated } => {
                *unauthenticated = identity.is_none();
                let request = BindRequest { protocol, two_way, called, identity };
                self.outputs.push_back(Output::BindRequested(request));
                return Ok(());
            }
        };
        let presented = identity.map(|identity| identity.name).unwrap_or_default();
        if presented == x400::ia5_name(&names.remote_mta) {
            let result = MtaBindResult::Authenticated(identity_of(&names.local_mta));
            self.stack.accept_open(wrap(BIND_RESULT, &result.encode()));
            self.outputs.push_back(Output::Opened);
        } else {
            let error = MtaBindError::AUTHENTICATION_ERROR.encode();
            let text = format!(
                "the P1 bind presented the MTA name {presented:?} where {:?} was expected",
                names.remote_mta
            );
            self.stack.refuse_open(Some(wrap(BIND_ERROR, &error)), Rejection::Validation);
            self.outputs.push_back(Output::Ended(Some(text)));
        }
        Ok(())
    }

    pub(super) fn check_result(&mut self, result: &[u8]) -> Result<(), AssociationError> {
        let result = self.protocol.unwrap(BIND_RESULT, result)?;
        let identity = match MtaBindResult::decode(result)? {
            MtaBindResult::Authenticated(identity) => Some(identity),
            MtaBindResult::Unauthenticated => None,
        };
        let presented = identity.as_ref().map(|identity| identity.name.clone()).unwrap_or_default();
        let manner = identity.as_ref().map(|identity| identity.manner().to_string());
        let (known, expected) = match &self.bind {
            Bind::Proved(names) => {
                let fits = presented == x400::ia5_name(&names.remote_mta);
                (if fits { Ok(()) } else { Err(Mismatch::Name) }, &names.remote_mta)
            }
            Bind::Calling(expected) => (expected.check(identity.as_ref()), &expected.name),
            Bind::Called { .. } => return Ok(()),
        };
        self.remote = identity;
        let Err(mismatch) = known else {
            self.outputs.push_back(Output::Opened);
            return Ok(());
        };
        let text = match (mismatch, &self.bind) {
            (Mismatch::Name, Bind::Proved(_)) => {
                format!(
                    "the P1 bind was answered by the MTA {presented:?} where {expected:?} was called"
                )
            }
            _ => format!(
                "the answer of the MTA {presented:?} to the P1 bind is refused where {expected:?} was called: {mismatch} \
                 (presented with {})",
                manner.as_deref().unwrap_or("nothing")
            ),
        };
        self.stack.abort();
        // What the abort tells is what is told here better.
        while self.stack.poll_event().is_some() {}
        self.outputs.push_back(match self.bind {
            Bind::Proved(_) => Output::Ended(Some(text)),
            Bind::Calling(_) | Bind::Called { .. } => Output::Refused(Refusal {
                provider: RefusalProvider::Mta,
                reason: MtaBindError::AUTHENTICATION_ERROR.0,
                text,
                mismatch: Some(mismatch),
                presented: Some(presented),
            }),
        });
        Ok(())
    }
}

/// What a refused open says.
pub(super) fn refusal(bind_error: Option<&[u8]>, reason: RefuseReason) -> Refusal {
    let error = match reason {
        // X.410 mode has the numbers of RTSE in place of a bind error, and they are the same.
        RefuseReason::Rejected(number @ (0 | 2 | 3)) => Some(MtaBindError(number)),
        _ => bind_error
            .and_then(|octets| MtaBindError::decode(unwrap(BIND_ERROR, octets).ok()?).ok()),
    };
    let (provider, number, text) = match error {
        Some(error) => {
            let text = format!("the peer refused the MTA bind: {}", error.name());
            (RefusalProvider::Mta, error.0, text)
        }
        None => {
            let provider = match reason.layer() {
                Layer::Transport => RefusalProvider::Transport,
                Layer::Session => RefusalProvider::Session,
                Layer::Presentation => RefusalProvider::Presentation,
                Layer::Acse => RefusalProvider::Acse,
                Layer::Rtse => RefusalProvider::Rtse,
            };
            let text = format!("the peer refused the association: {reason}");
            (provider, reason.number(), text)
        }
    };
    Refusal { provider, reason: number, text, mismatch: None, presented: None }
}
