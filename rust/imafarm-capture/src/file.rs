//! A capture file: who wrote it and of what, the interface, the names, then frame by frame.
//!
//! Nothing in it tells when or where it was written, so the same packets make the same file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::name_resolution::{Ipv4Record, NameResolutionBlock, Record};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};

use crate::frame::Segment;
use crate::line::{Line, Said};
use crate::{Act, Host, Packet, WriteError};

/// What a capture says of itself.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// By what it was written.
    pub application: String,
    /// Of what.
    pub comments: Vec<String>,
    /// Whether connections are left out on which nobody says anything.
    pub only_spoken: bool,
}

/// How much was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many packets.
    pub packets: u64,
    /// How many frames they make.
    pub frames: u64,
}

/// The ports from which hosts call. Our guess: the ones that Linux takes unless it is told otherwise.
const PORTS: core::ops::RangeInclusive<u16> = 32_768..=60_999;
/// Timestamps are in units of ten to the power of minus so many seconds.
const NANOSECONDS: u8 = 9;
/// The longest frame there could be.
const SNAP_BYTES: u32 = 262_144;
/// How many names a block has at most: readers do not take blocks of any length.
const NAMES_A_BLOCK: usize = 10_000;

/// Writes a capture of these packets, which are in order of time. Who called is told by connection.
///
/// Errors: [`WriteError`], when the writer fails.
pub fn write<'a>(
    out: impl Write,
    section: &Section,
    hosts: &[Host],
    callers: &[u32],
    packets: impl Iterator<Item = Packet<'a>> + Clone,
) -> Result<Written, WriteError> {
    let spoken = section.only_spoken.then(|| spoken(callers.len(), packets.clone()));
    let wanted = |packet: &Packet<'_>| spoken.as_ref().is_none_or(|spoken| spoken[packet.connection as usize]);
    let mut file = Blocks::begin(out, section)?;
    let named: BTreeSet<u32> =
        packets.clone().filter(wanted).flat_map(|packet| [packet.source, packet.target]).collect();
    file.names(hosts, named)?;
    let mut lines = Lines { callers, lines: vec![None; callers.len()], pairs: BTreeMap::new() };
    let mut written = Written::default();
    let mut failed = Ok(());
    for packet in packets.filter(wanted) {
        written.packets += 1;
        let line = lines.of(&packet);
        let port = line.port;
        let (one, other) = (hosts[packet.source as usize].address, hosts[packet.target as usize].address);
        let by_caller = callers[packet.connection as usize] == packet.source;
        line.say(&packet, &mut |said: Said<'_>| {
            let Said { from_caller, sequence, acknowledged, flags, payload } = said;
            let (from, to) = if from_caller == by_caller { (one, other) } else { (other, one) };
            let segment = Segment { from, to, from_caller, port, sequence, acknowledged, flags, payload };
            if failed.is_ok() {
                failed = file.frame(packet.time_ns, &segment);
                written.frames += 1;
            }
        });
        core::mem::replace(&mut failed, Ok(()))?;
    }
    file.end()?;
    Ok(written)
}

/// On which connections somebody says something.
fn spoken<'a>(connections: usize, packets: impl Iterator<Item = Packet<'a>>) -> Vec<bool> {
    let mut spoken = vec![false; connections];
    for packet in packets {
        spoken[packet.connection as usize] |= matches!(packet.act, Act::Message(_));
    }
    spoken
}

/// The connections of a capture.
struct Lines<'a> {
    callers: &'a [u32],
    lines: Vec<Option<Line>>,
    /// How many connections two hosts have had.
    pairs: BTreeMap<(u32, u32), u32>,
}

impl Lines<'_> {
    /// A packet's connection. The first one sets it up, with a port that no other has had between these hosts, for as long
    /// as there are any.
    fn of(&mut self, packet: &Packet<'_>) -> &mut Line {
        let Packet { source, target, connection, .. } = *packet;
        self.lines[connection as usize].get_or_insert_with(|| {
            let caller = self.callers[connection as usize];
            let acceptor = if source == caller { target } else { source };
            let count = self.pairs.entry((caller, acceptor)).or_insert(0);
            // Elsewhere for each pair, since a host does not call all others from one port.
            let first = (caller.wrapping_mul(7_919)).wrapping_add(acceptor.wrapping_mul(104_729));
            let port = PORTS.start() + (first.wrapping_add(*count) % PORTS.len() as u32) as u16;
            *count += 1;
            Line::new(connection, caller, port)
        })
    }
}

/// The blocks of a file, as they are written.
struct Blocks<W: Write> {
    writer: PcapNgWriter<W>,
    frame: Vec<u8>,
}

impl<W: Write> Blocks<W> {
    fn begin(out: W, section: &Section) -> Result<Blocks<W>, WriteError> {
        let comments = section.comments.iter().map(|comment| SectionHeaderOption::Comment(comment.clone().into()));
        let application = SectionHeaderOption::UserApplication(section.application.clone().into());
        let header = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: comments.chain([application]).collect(),
            ..SectionHeaderBlock::default()
        };
        let mut writer = PcapNgWriter::with_section_header(out, header).map_err(failed)?;
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: SNAP_BYTES,
            options: vec![
                InterfaceDescriptionOption::IfName("imafarm".into()),
                InterfaceDescriptionOption::IfDescription("the hosts of an emulated farm, in farm time".into()),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ],
        };
        writer.write_pcapng_block(interface).map_err(failed)?;
        Ok(Blocks { writer, frame: Vec::new() })
    }

    fn names(&mut self, hosts: &[Host], named: BTreeSet<u32>) -> Result<(), WriteError> {
        let named: Vec<u32> = named.into_iter().collect();
        for part in named.chunks(NAMES_A_BLOCK) {
            let records = part.iter().map(|&host| {
                let Host { name, address } = &hosts[host as usize];
                Record::Ipv4(Ipv4Record { ip_addr: Cow::Borrowed(address), names: vec![name.as_str().into()] })
            });
            let block = NameResolutionBlock { records: records.collect(), options: Vec::new() };
            self.writer.write_pcapng_block(block).map_err(failed)?;
        }
        Ok(())
    }

    fn frame(&mut self, time_ns: u64, segment: &Segment<'_>) -> Result<(), WriteError> {
        segment.put(&mut self.frame);
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_nanos(time_ns),
            original_len: self.frame.len() as u32,
            data: Cow::Borrowed(&self.frame),
            options: Vec::new(),
        };
        self.writer.write_pcapng_block(block).map_err(failed)?;
        Ok(())
    }

    fn end(self) -> Result<(), WriteError> {
        Ok(self.writer.into_inner().flush()?)
    }
}

fn failed(error: PcapError) -> WriteError {
    match error {
        PcapError::IoError(error) => WriteError(error),
        PcapError::IncompleteBuffer
        | PcapError::InvalidField(_)
        | PcapError::Utf8Error(_)
        | PcapError::FromUtf8Error(_)
        | PcapError::InvalidInterfaceId(_) => WriteError(std::io::Error::other(error.to_string())),
    }
}
