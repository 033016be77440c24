//! Vectors of the standard, logons between our two sides, hostile input, sessions.

mod asked;
mod fixture;
mod hostile;
mod logon;
mod mac;
mod rc4;
mod session;
mod vectors;
mod weak;
