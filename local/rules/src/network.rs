//! Internet addresses: the operator `cidr` (RFC 4632, RFC 4291), and strings that are addresses.
//!
//! EventBridge writes an address as hexadecimal digits, 8 for IPv4 and 32 for IPv6, and looks for the first digit that
//! decides. Therefore the IPv6 address `a00::` is in the network `10.0.0.0/8`, and the number 10 is in `0.0.0.0/0`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses between two addresses, inclusive.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network {
    /// Both as hexadecimal digits; equally many.
    first: String,
    last: String,
}

impl Network {
    /// Reads `10.0.0.0/24` or `2001:db8::/32`.
    pub(crate) fn parse(text: &str) -> Result<Network, String> {
        let wrong = |what: &str| {
            format!("{text:?} is not a valid network: {what}, e.g. 10.0.0.0/24 or 2001:db8::/32")
        };
        // EventBridge ignores slashes at the end.
        let (address, bits) =
            text.trim_end_matches('/').split_once('/').ok_or_else(|| wrong("write ADDRESS/BITS"))?;
        let address = address_of(address).ok_or_else(|| wrong("the address is neither IPv4 nor IPv6"))?;
        let (number, width) = number_of(address);
        let bits: i32 = bits.parse().map_err(|_| wrong("the number of bits is not a number"))?;
        let bits = u32::try_from(bits).map_err(|_| wrong("the number of bits is negative"))?;
        if bits >= width {
            return Err(wrong(&format!(
                "an address has {width} bits, and EventBridge needs fewer; for a single address, write the address as a string",
            )));
        }
        let host = u128::MAX >> (128 - width + bits);
        Ok(Network { first: hexadecimal(number & !host, width), last: hexadecimal(number | host, width) })
    }

    /// Returns the network that consists of one address, if the text is an address.
    pub(crate) fn of_address(text: &str) -> Option<Network> {
        let digits = digits(text)?;
        Some(Network { first: digits.clone(), last: digits })
    }

    /// Returns whether a string is an address in the network.
    pub(crate) fn contains(&self, text: &str) -> bool {
        digits(text).is_some_and(|digits| self.decides(&digits))
    }

    /// Returns whether the text of a number begins with the digits of an address in the network.
    pub(crate) fn contains_number(&self, text: &str) -> bool {
        self.decides(text)
    }

    /// Compares digit by digit, until a digit is between the two addresses or outside.
    fn decides(&self, digits: &str) -> bool {
        let (mut at_first, mut at_last) = (true, true);
        let mut digits = digits.bytes();
        for (first, last) in self.first.bytes().zip(self.last.bytes()) {
            let Some(digit) = digits.next().filter(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')) else {
                return false;
            };
            if (at_first && digit < first) || (at_last && digit > last) {
                return false;
            }
            at_first &= digit == first;
            at_last &= digit == last;
            if !at_first && !at_last {
                return true;
            }
        }
        true
    }

    /// Returns a text that is equal for equal networks.
    pub(crate) fn identity(&self) -> String {
        format!("{}-{}", self.first, self.last)
    }
}

/// Returns an address as hexadecimal digits, if the text is one.
fn digits(text: &str) -> Option<String> {
    let (number, width) = number_of(address_of(text)?);
    Some(hexadecimal(number, width))
}

/// Returns an address as a number, and its width in bits.
fn number_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}

fn hexadecimal(number: u128, bits: u32) -> String {
    if bits == 32 { format!("{number:08X}") } else { format!("{number:032X}") }
}

/// Reads an address like EventBridge: leading zeros are ignored, and an IPv6 address that contains an IPv4 address
/// (`::ffff:a00:1`) is that address. IPv4 notation within IPv6 is not supported.
fn address_of(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        if text.contains('.') {
            return None;
        }
        let groups: Vec<&str> = text.split(':').map(|group| short(group, 4)).collect();
        let address: Ipv6Addr = groups.join(":").parse().ok()?;
        return Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4));
    }
    if text.len() > LONGEST_IPV4 {
        return None;
    }
    let parts: Vec<&str> = text.split('.').map(|part| short(part, 1)).collect();
    parts.join(".").parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

/// The length of `255.255.255.255`.
const LONGEST_IPV4: usize = 15;

/// Removes leading zeros until at most so many digits are left.
fn short(digits: &str, most: usize) -> &str {
    let surplus = digits.len().saturating_sub(most);
    let zeros = digits.bytes().take(surplus).take_while(|digit| *digit == b'0').count();
    digits.get(zeros..).unwrap_or(digits)
}
