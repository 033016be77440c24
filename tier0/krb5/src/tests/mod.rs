//! Both sides of a logon, with a KDC that is a few lines long.

mod exchange;
mod fixture;
mod logon;
mod session;
