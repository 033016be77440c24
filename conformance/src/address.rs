//! Loopback addresses that no other proof uses at the same time.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

/// Addresses of a block: two servers and two relays in front of them.
const SIZE: u32 = 4;
/// Blocks that one process may take before it meets those of another.
const OF_A_PROCESS: u32 = 16;
/// Blocks in 127.64.0.0 to 127.191.255.255, the middle half of the loopback network.
const BLOCKS: u32 = 1 << 21;
/// The first address.
const FIRST: u32 = 0x7f40_0000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Loopback addresses of one proof.
///
/// Ports are the same everywhere: a port that was looked for can be taken by somebody else before it is used, an
/// address of one's own cannot.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    first: u32,
}

impl Block {
    /// A block that nobody listens in.
    pub fn take() -> Result<Self> {
        for _ in 0..OF_A_PROCESS {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let index =
                (std::process::id().wrapping_mul(OF_A_PROCESS).wrapping_add(number)) % BLOCKS;
            let block = Self { first: FIRST + index * SIZE };
            if block.is_free().context("a loopback address cannot be used; these proofs need Linux, where all of 127.0.0.0/8 is there")? {
                return Ok(block);
            }
        }
        bail!("all loopback addresses of this process are in use")
    }

    /// The block that begins here, which is somebody's own.
    pub(crate) fn at(first: Ipv4Addr) -> Self {
        Self { first: first.into() }
    }

    /// Address `number` of the block.
    pub fn address(self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.first + number % SIZE)
    }

    fn is_free(self) -> std::io::Result<bool> {
        for number in 0..SIZE {
            TcpListener::bind((self.address(number), 0))?;
            let taken = |port| TcpListener::bind((self.address(number), port)).is_err();
            if crate::organisation::PORTS.into_iter().any(taken) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
