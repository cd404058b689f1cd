//! The operator `cidr`: addresses in a network (RFC 4632, RFC 4291).

use std::net::IpAddr;

/// An IPv4 or IPv6 network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads `10.0.0.0/24` or `2001:db8::/32`.
    pub(crate) fn parse(text: &str) -> Result<Network, String> {
        let wrong = |what: &str| {
            format!("{text:?} is not a valid network: {what}, e.g. 10.0.0.0/24 or 2001:db8::/32")
        };
        let (address, bits) = text.split_once('/').ok_or_else(|| wrong("write ADDRESS/BITS"))?;
        let address: IpAddr = address.parse().map_err(|_| wrong("the address is neither IPv4 nor IPv6"))?;
        let most = width(address);
        let bits: u32 = bits.parse().map_err(|_| wrong("the number of bits is not a number"))?;
        if bits > most {
            return Err(wrong(&format!("an address has only {most} bits")));
        }
        Ok(Network { address, bits })
    }

    /// Returns whether a text is an address in the network.
    pub(crate) fn contains(&self, text: &str) -> bool {
        text.parse::<IpAddr>().is_ok_and(|address| {
            width(address) == width(self.address) && self.prefix(address) == self.prefix(self.address)
        })
    }

    fn prefix(&self, address: IpAddr) -> u128 {
        let number = match address {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address),
        };
        // `checked_shr` fails if all bits are shifted out.
        number.checked_shr(width(address) - self.bits).unwrap_or(0)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}
