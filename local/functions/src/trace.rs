//! X-Ray's trace header.

use jiff::Timestamp;

/// A header that begins a new trace, as Lambda makes one for an invocation that brings none. It says "not sampled":
/// nobody records this machine's own part.
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
pub(crate) fn new_header(now: Timestamp) -> String {
    let (id, parent): (u128, u64) = (rand::random(), rand::random());
    let seconds = u32::try_from(now.as_second()).unwrap_or(0);
    format!("Root=1-{seconds:08x}-{:024x};Parent={parent:016x};Sampled=0", id >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_header_has_the_form_of_x_ray() {
        let header = new_header("2026-01-02T03:04:05Z".parse().unwrap());
        let [root, parent, sampled] = header.split(';').collect::<Vec<_>>()[..] else { panic!("{header}") };
        assert!(root.starts_with("Root=1-695735a5-") && root.len() == 5 + 35, "{header}");
        assert!(parent.starts_with("Parent=") && parent.len() == 7 + 16, "{header}");
        assert_eq!(sampled, "Sampled=0");
    }
}
