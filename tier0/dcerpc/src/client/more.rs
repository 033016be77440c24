//! More interfaces and more identities on one connection, MS-RPCE 3.3.1.5.4 and C706 12.6.4.1.

use security::{AuthLevel, Initiator};

use super::bind::{begin, refusal_of};
use super::{
    BindRefusal, ClientAssociation, ClientEvent, ContextNumber, Exchange, FEATURE_CONTEXT,
    IdentityNumber, Phase, PresentationContext, connected,
};
use crate::error::RpcError;
use crate::pdu::{AuthVerifier, BindAck};
use crate::uuid::SyntaxId;

/// The one alter_context that is under way.
pub(super) enum Altering {
    Interface { call: u32, context: ContextNumber },
    Identity(Exchange),
}

impl Altering {
    pub(super) fn call(&self) -> u32 {
        match self {
            Self::Interface { call, .. } => *call,
            Self::Identity(exchange) => exchange.call,
        }
    }
}

/// What is to be added once its turn comes.
pub(super) enum Wanted {
    Interface(ContextNumber),
    Identity { number: IdentityNumber, level: AuthLevel, initiator: Box<dyn Initiator> },
}

impl ClientAssociation {
    /// Adds an interface to the connection; an event tells when it can be called, or that it is
    /// refused.
    ///
    /// # Errors
    /// The association is over, or has as many as it may.
    pub fn add_interface(&mut self, interface: SyntaxId) -> Result<ContextNumber, RpcError> {
        self.check_room(self.contexts.len(), self.limits.contexts, "presentation contexts")?;
        let last = self.contexts.keys().next_back().copied().unwrap_or(0).max(FEATURE_CONTEXT);
        let context = ContextNumber(last.saturating_add(1));
        self.contexts.insert(context.0, PresentationContext { interface, proved: false });
        self.wanted.push_back(Wanted::Interface(context));
        self.next_wanted()?;
        Ok(context)
    }

    /// Adds an identity to the connection; an event tells when it can call, or that it is refused.
    ///
    /// # Errors
    /// The association is over, or has as many as it may.
    pub fn add_identity(
        &mut self,
        level: AuthLevel,
        initiator: Box<dyn Initiator>,
    ) -> Result<IdentityNumber, RpcError> {
        self.check_room(self.identities.len(), self.limits.identities, "identities")?;
        let number = IdentityNumber(self.identities.len());
        self.identities.push(None);
        let level = connected(level);
        self.wanted.push_back(Wanted::Identity { number, level, initiator });
        self.next_wanted()?;
        Ok(number)
    }

    fn check_room(&self, there: usize, limit: usize, what: &'static str) -> Result<(), RpcError> {
        if matches!(self.phase, Phase::Closed) {
            return Err(RpcError::Closed);
        }
        if there >= limit { Err(RpcError::Limit { what, limit }) } else { Ok(()) }
    }

    /// Begins the next alter_context, when none is under way.
    pub(super) fn next_wanted(&mut self) -> Result<(), RpcError> {
        while self.is_bound()
            && self.altering.is_none()
            && let Some(wanted) = self.wanted.pop_front()
        {
            let call = self.fresh_call();
            match wanted {
                Wanted::Interface(context) => {
                    self.send_alteration(call, context, None)?;
                    self.altering = Some(Altering::Interface { call, context });
                }
                Wanted::Identity { number, level, initiator } => {
                    match begin(initiator, level, number.0, call) {
                        Ok((exchange, auth)) => {
                            self.send_alteration(call, ContextNumber::FIRST, auth)?;
                            self.altering = Some(Altering::Identity(exchange));
                        }
                        Err(refusal) => {
                            self.events.push_back(ClientEvent::IdentityRefused(number, refusal));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn handle_alteration(
        &mut self,
        call: u32,
        ack: &BindAck,
        auth: Option<AuthVerifier>,
    ) -> Result<(), RpcError> {
        let Some(altering) = self.altering.take().filter(|one| one.call() == call) else {
            return Err(RpcError::Protocol { detail: "an alter_context_resp to no alter_context" });
        };
        let refusal = refusal_of(ack)?;
        match (altering, refusal) {
            (Altering::Interface { context, .. }, None) => {
                self.events.push_back(ClientEvent::InterfaceAdded(context));
            }
            (Altering::Interface { context, .. }, Some(refusal)) => {
                self.contexts.remove(&context.0);
                self.events.push_back(ClientEvent::InterfaceRefused(context, refusal));
            }
            (Altering::Identity(exchange), None) => return self.next_leg(exchange, auth),
            (Altering::Identity(_), Some(_)) => {
                return Err(RpcError::Protocol { detail: "a context that is taken back" });
            }
        }
        self.next_wanted()
    }

    /// A fault in answer to an alter_context; false when it belongs to none.
    pub(super) fn alteration_failed(&mut self, call: u32, status: u32) -> bool {
        let Some(altering) = self.altering.take_if(|one| one.call() == call) else {
            return false;
        };
        let refusal = BindRefusal::Fault { status };
        self.events.push_back(match altering {
            Altering::Interface { context, .. } => {
                self.contexts.remove(&context.0);
                ClientEvent::InterfaceRefused(context, refusal)
            }
            Altering::Identity(exchange) => {
                ClientEvent::IdentityRefused(IdentityNumber(exchange.identity), refusal)
            }
        });
        true
    }
}
