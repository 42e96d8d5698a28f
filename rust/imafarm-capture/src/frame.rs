//! One frame: Ethernet, IPv4, TCP, and what it carries.

use etherparse::{EtherType, Ethernet2Header, IpNumber, Ipv4Header, TcpHeader};

use crate::PORT;

/// How many bytes of a stream one frame carries at most: what an Ethernet frame has room for.
pub const SEGMENT_BYTES: usize = 1460;
/// How many bytes each side may have under way: as many as can be told without scaling.
pub const WINDOW_BYTES: u16 = u16::MAX;

/// The bits of a TCP segment that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    pub psh: bool,
}

/// A segment on its way from one address to another.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub from: [u8; 4],
    pub to: [u8; 4],
    /// Whether it goes from the caller to the acceptor's well-known port, and the caller's own port.
    pub from_caller: bool,
    pub port: u16,
    pub sequence: u32,
    /// Up to where all that the other has said has come; nothing yet, if `None`.
    pub acknowledged: Option<u32>,
    pub flags: Flags,
    pub payload: &'a [u8],
}

/// The MAC address of a host: one that is administered locally, with the IPv4 address in it.
const fn mac([a, b, c, d]: [u8; 4]) -> [u8; 6] {
    [0x02, 0, a, b, c, d]
}

impl Segment<'_> {
    /// Puts the frame into `out`, in the place of what was there.
    pub fn put(&self, out: &mut Vec<u8>) {
        let Segment { from, to, flags, payload, .. } = *self;
        let ports = if self.from_caller { (self.port, PORT) } else { (PORT, self.port) };
        let mut tcp = TcpHeader::new(ports.0, ports.1, self.sequence, WINDOW_BYTES);
        (tcp.syn, tcp.fin, tcp.rst, tcp.psh) = (flags.syn, flags.fin, flags.rst, flags.psh);
        if let Some(acknowledged) = self.acknowledged {
            (tcp.ack, tcp.acknowledgment_number) = (true, acknowledged);
        }
        if flags.syn {
            let [high, low] = (SEGMENT_BYTES as u16).to_be_bytes();
            tcp.set_options_raw(&[2, 4, high, low]).expect("four bytes are few enough");
        }
        let length = (tcp.header_len() + payload.len()) as u16;
        let mut ip = Ipv4Header::new(length, 64, IpNumber::TCP, from, to).expect("a segment fits");
        ip.header_checksum = ip.calc_header_checksum();
        tcp.checksum = tcp.calc_checksum_ipv4(&ip, payload).expect("a segment fits");
        let ethernet = Ethernet2Header { source: mac(from), destination: mac(to), ether_type: EtherType::IPV4 };
        out.clear();
        out.extend_from_slice(&ethernet.to_bytes());
        out.extend_from_slice(&ip.to_bytes());
        out.extend_from_slice(&tcp.to_bytes());
        out.extend_from_slice(payload);
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_meant() {
        let segment = Segment {
            from: [10, 0, 0, 1],
            to: [10, 0, 1, 44],
            from_caller: true,
            port: 40_000,
            sequence: u32::MAX,
            acknowledged: Some(7),
            flags: Flags { psh: true, ..Flags::default() },
            payload: b"IMAF",
        };
        let mut frame = Vec::new();
        segment.put(&mut frame);
        assert_eq!(&frame[..12], [2, 0, 10, 0, 1, 44, 2, 0, 10, 0, 0, 1]);
        let sliced = SlicedPacket::from_ethernet(&frame).expect("a frame");
        let Some(NetSlice::Ipv4(ip)) = sliced.net else { panic!("IPv4") };
        assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum());
        assert_eq!((ip.header().source(), ip.header().destination()), ([10, 0, 0, 1], [10, 0, 1, 44]));
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { panic!("TCP") };
        assert_eq!((tcp.source_port(), tcp.destination_port(), tcp.payload()), (40_000, PORT, &b"IMAF"[..]));
        assert_eq!((tcp.sequence_number(), tcp.acknowledgment_number(), tcp.psh()), (u32::MAX, 7, true));
        assert_eq!(
            tcp.checksum(),
            tcp.to_header().calc_checksum_ipv4(&ip.header().to_header(), b"IMAF").expect("short")
        );
    }
}
