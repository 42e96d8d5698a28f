//! What Python says a farm is made of, checked.

use imafarm_emulator::event::HOSTS_MAX;
use imafarm_emulator::farm::{Plan, THREADS_MAX};
use imafarm_emulator::network::Link;
use imafarm_emulator::store_link::StorePlan;
use imafarm_emulator::tap::TapPlan;
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::columns::Whole;
use crate::emulated::workload::workloads;
use crate::host_resolver::HostResolver;
use crate::sketch::{catalogue, directory, host_magic, items, magic, product, settings, whole};

/// A farm as Python describes it.
pub struct Sketch<'a, 'py> {
    pub hosts: &'a HostResolver,
    pub seed: Whole,
    pub magic: Whole,
    pub product: &'a str,
    pub host_magic: Option<&'a Bound<'py, PyAny>>,
    pub settings: Option<&'a Bound<'py, PyAny>>,
    pub host_settings: Option<&'a Bound<'py, PyAny>>,
    pub inside: Option<&'a Bound<'py, PyAny>>,
    pub between: Option<&'a Bound<'py, PyAny>>,
    pub links: Option<&'a Bound<'py, PyAny>>,
    pub applications: Vec<(String, Option<Vec<Whole>>)>,
    pub workload: Option<&'a Bound<'py, PyAny>>,
    pub store: Option<&'a Bound<'py, PyAny>>,
    pub wire: bool,
    pub trace: Vec<String>,
    pub tap: Option<&'a Bound<'py, PyAny>>,
    pub threads: Whole,
    pub bound: bool,
    pub exact_queue: bool,
}

impl Sketch<'_, '_> {
    /// The plan, if all of it can be.
    pub fn plan(self) -> PyResult<Plan> {
        let directory = directory(self.hosts)?;
        Whole(directory.len() as i128).within("hosts", 1, HOSTS_MAX.into())?;
        let product = product(self.product)?;
        let hosts = directory.len() as u64;
        let (settings, host_settings) = settings(product, hosts, self.settings, self.host_settings)?;
        let between = link("between", Link::BETWEEN, self.between)?;
        let links = links(directory.zone_count() as u64, between, self.links)?;
        let applications = catalogue(hosts, self.applications)?;
        let plan = Plan {
            workload: workloads(directory.zone_count() as u64, applications.len(), self.workload)?,
            seed: self.seed.within("seed", 0, u64::MAX)?,
            magic: magic("magic", self.magic)?,
            product,
            settings,
            host_settings,
            host_magic: host_magic(hosts, self.host_magic)?,
            inside: link("inside", Link::INSIDE, self.inside)?,
            between,
            links,
            applications,
            store: self.store.map(|given| store(directory.zone_count() as u64, given)).transpose()?,
            wire: self.wire,
            threads: self.threads.within("threads", 1, THREADS_MAX.into())? as u32,
            bound: self.bound,
            exact_queue: self.exact_queue,
            traced: self.trace.iter().map(|name| kind("trace", name)).collect::<PyResult<_>>()?,
            tap: self.tap.map(|given| tap(hosts, given)).transpose()?,
            directory,
        };
        plan.check().map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(plan)
    }
}

fn link(key: &str, mut link: Link, given: Option<&Bound<'_, PyAny>>) -> PyResult<Link> {
    for (name, value) in items(key, given)? {
        let (name, value) = (name.extract::<String>()?, whole(key, &name, &value)?);
        link.set(&name, value).map_err(|error| PyValueError::new_err(format!("{key}: {error}")))?;
    }
    Ok(link)
}

/// The links of single pairs of zones, over `between`: each pair once, in either order.
fn links(zones: u64, between: Link, given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(u32, u32, Link)>> {
    let mut links: Vec<(u32, u32, Link)> = Vec::new();
    for (pair, given) in items("links", given)? {
        let (one, other) = pair.extract::<(Whole, Whole)>()?;
        let zone = |zone: Whole| Ok::<_, PyErr>(zone.within("links", 0, zones - 1)? as u32);
        let (one, other) = (zone(one)?, zone(other)?);
        let key = format!("links[{one}, {other}]");
        if one == other {
            return Err(PyValueError::new_err(format!("{key}: a zone has no link to itself")));
        }
        if links.iter().any(|&(a, b, _)| (a, b) == (other, one)) {
            return Err(PyValueError::new_err(format!("{key}: the link is given as [{other}, {one}] already")));
        }
        links.push((one, other, link(&key, between, Some(&given))?));
    }
    Ok(links)
}

/// Where the data store is.
fn store(zones: u64, given: &Bound<'_, PyAny>) -> PyResult<StorePlan> {
    let mut plan = StorePlan::default();
    for (name, value) in items("store", Some(given))? {
        let key = format!("store: {}", name.extract::<String>()?);
        match &*name.extract::<String>()? {
            "round_trip_ns" => {
                let (least, most) = (StorePlan::LEAST_ROUND_TRIP.0, StorePlan::GREATEST_ROUND_TRIP.0);
                plan.round_trip = Span(Whole(whole("store", &name, &value)?).within(key, least, most)?);
            }
            "bandwidth_bps" => {
                plan.bandwidth_bps = Whole(whole("store", &name, &value)?).within(key, 0, 1_000_000_000_000_000)?;
            }
            "replicas" => {
                for zone in value.extract::<Vec<Whole>>()? {
                    plan.replicas.push(zone.within(&key, 0, zones - 1)? as u32);
                }
            }
            _ => return Err(PyValueError::new_err(format!("{key}: there is no such figure of a data store"))),
        }
    }
    Ok(plan)
}

/// What is recorded of single hosts.
fn tap(hosts: u64, given: &Bound<'_, PyAny>) -> PyResult<TapPlan> {
    let mut plan =
        TapPlan { hosts: None, kinds: None, since: Time::ZERO, until: Time::NEVER, limit_bytes: TapPlan::LIMIT_BYTES };
    for (name, value) in items("tap", Some(given))? {
        let key = format!("tap: {}", name.extract::<String>()?);
        let number = |least: u64| Whole(whole("tap", &name, &value)?).within(&key, least, i64::MAX as u64);
        match &*name.extract::<String>()? {
            "hosts" => {
                let named = value.extract::<Vec<Whole>>()?;
                let named = named.into_iter().map(|host| Ok(host.within(&key, 0, hosts - 1)? as u32));
                plan.hosts = Some(named.collect::<PyResult<_>>()?);
            }
            "kinds" => {
                let named = value.extract::<Vec<String>>()?;
                plan.kinds = Some(named.iter().map(|name| kind(&key, name)).collect::<PyResult<_>>()?);
            }
            "since_ns" => plan.since = Time(number(0)?),
            "until_ns" => plan.until = Time(number(0)?),
            "limit_bytes" => plan.limit_bytes = number(1)?,
            _ => return Err(PyValueError::new_err(format!("{key}: there is no such part of a tap"))),
        }
    }
    Ok(plan)
}

fn kind(key: &str, name: &str) -> PyResult<Kind> {
    Kind::from_name(name).ok_or_else(|| {
        let known = Kind::ALL.map(Kind::name).join(", ");
        PyValueError::new_err(format!("{key}: there is no kind {name:?}; there are {known}"))
    })
}
