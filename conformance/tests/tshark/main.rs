//! Wireshark's dissectors read what the servers say: DCE/RPC and NTLM, and X.400 P1 from the session layer upwards.
//!
//! Peer: tshark of Wireshark (written against 4.0). The captures stay in the `tmp` folder of the build.

mod exchange;
mod p1;
mod p22;
mod rpc;
mod stubs;
mod x400_tcp;
