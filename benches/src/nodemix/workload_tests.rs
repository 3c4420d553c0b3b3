//! The first values of the workload, against those that the Go program prints.

use super::{Series, timestamp};

/// Host, series, series per host; labels; bits of the first six values; time of the sixth scrape.
type Case = ((usize, usize, usize), &'static str, [u64; 6], i64);

#[rustfmt::skip]
const PRINTED_BY_GO: &[Case] = &[
    ((0, 0, 100), "__name__=node_cpu_seconds_total,cluster=prod-1,cpu=0,env=production,instance=host-0,job=node,mode=idle,region=eu-west-1", [0x411c0cbc00000000, 0x411c1a5800000000, 0x411c335400000000, 0x411c455000000000, 0x411c5c8000000000, 0x411c74e800000000], 1700006475000),
    ((3, 39, 100), "__name__=node_cpu_seconds_total,cluster=prod-1,cpu=4,env=production,instance=host-3,job=node,mode=user,region=eu-west-1", [0x4126165800000000, 0x4126165c00000000, 0x4126165c00000000, 0x4126165e00000000, 0x4126166200000000, 0x4126166200000000], 1700006475411),
    ((3, 40, 100), "__name__=http_request_duration_seconds_bucket,cluster=prod-1,env=production,handler=/api/v1/h0,instance=host-3,job=node,le=0.005,region=eu-west-1", [0x40f3c94000000000, 0x40f3ca3000000000, 0x40f3caf000000000, 0x40f3cb2000000000, 0x40f3cbb000000000, 0x40f3cbf000000000], 1700006475411),
    ((3, 45, 100), "__name__=http_request_duration_seconds_bucket,cluster=prod-1,env=production,handler=/api/v1/h0,instance=host-3,job=node,le=0.25,region=eu-west-1", [0x411dadf400000000, 0x411daf5000000000, 0x411db07800000000, 0x411db0b800000000, 0x411db18800000000, 0x411db1fc00000000], 1700006475411),
    ((7, 51, 100), "__name__=http_request_duration_seconds_bucket,cluster=prod-1,env=production,handler=/api/v1/h0,instance=host-7,job=node,le=+Inf,region=eu-west-1", [0x4108673000000000, 0x4108686800000000, 0x4108689000000000, 0x410868c000000000, 0x410869a800000000, 0x41086bc000000000], 1700006475959),
    ((7, 52, 100), "__name__=node_network_bytes_total,cluster=prod-1,device=eth0,direction=rx,env=production,instance=host-7,job=node,region=eu-west-1", [0x411afd3c00000000, 0x411afe6c00000000, 0x411aff1c00000000, 0x411aff2000000000, 0x411b00d400000000, 0x411b022800000000], 1700006475959),
    ((120, 69, 100), "__name__=node_network_bytes_total,cluster=prod-1,device=eth8,direction=tx,env=production,instance=host-120,job=node,region=eu-west-1", [0x412183ea00000000, 0x412183ee00000000, 0x412183f000000000, 0x412183f200000000, 0x412183f600000000, 0x412183f600000000], 1700006476440),
    ((1, 70, 100), "__name__=node_memory_usage,cluster=prod-1,env=production,instance=host-1,job=node,kind=mem,region=eu-west-1,zone=z0", [0x40c0e287ae147ae1, 0x40c0e27851eb851f, 0x40c0e27ae147ae14, 0x40c0e2a000000000, 0x40c0e2b851eb851f, 0x40c0e25ae147ae14], 1700006475137),
    ((1, 84, 100), "__name__=node_memory_usage,cluster=prod-1,env=production,instance=host-1,job=node,kind=mem,region=eu-west-1,zone=z14", [0x40bff3bae147ae14, 0x40bff2c51eb851ec, 0x40bff2147ae147ae, 0x40bff251eb851eb8, 0x40bff1c51eb851ec, 0x40bff1c000000000], 1700006475137),
    ((2, 85, 100), "__name__=node_filesystem_size_bytes,cluster=prod-1,device=/dev/sd0,env=production,fstype=ext4,instance=host-2,job=node,region=eu-west-1", [0x415adc1ac0000000, 0x415adc1ac0000000, 0x415adc1ac0000000, 0x415adc1ac0000000, 0x415adc1ac0000000, 0x415adc1ac0000000], 1700006475274),
    ((2, 94, 100), "__name__=node_filesystem_size_bytes,cluster=prod-1,device=/dev/sd9,env=production,fstype=ext4,instance=host-2,job=node,region=eu-west-1", [0x4184f11a08000000, 0x4184f11a08000000, 0x4184f11a08000000, 0x4184f11a08000000, 0x4184f11a08000000, 0x4184f11a08000000], 1700006475274),
    ((5, 95, 100), "__name__=node_load_exact,cluster=prod-1,env=production,id=0,instance=host-5,job=node,kind=exact,region=eu-west-1", [0x4057bc917af2546a, 0x4032ea770f6d76e4, 0x40432845c0c5b873, 0x404dd035964f0fda, 0x403b58ed1199979c, 0x40570deae2224b39], 1700006475685),
    ((99, 999, 1000), "__name__=node_load_exact,cluster=prod-1,env=production,id=49,instance=host-99,job=node,kind=exact,region=eu-west-1", [0x4033242f25022e2a, 0x402db3aa4a83045a, 0x405334980f9147a2, 0x4053fd8376fa3bb4, 0x4053b9b883550da4, 0x3f88ff1aee606f00], 1700006488563),
    ((42, 401, 1000), "__name__=http_request_duration_seconds_bucket,cluster=prod-1,env=production,handler=/api/v1/h0,instance=host-42,job=node,le=0.01,region=eu-west-1", [0x40f7505000000000, 0x40f7520000000000, 0x40f7537000000000, 0x40f753c000000000, 0x40f7559000000000, 0x40f756b000000000], 1700006480754),
    ((17, 733, 1000), "__name__=node_memory_usage,cluster=prod-1,env=production,instance=host-17,job=node,kind=mem,region=eu-west-1,zone=z33", [0x40c0dd5333333333, 0x40c0dd9ae147ae14, 0x40c0dd31eb851eb8, 0x40c0ddb1eb851eb8, 0x40c0dd7c28f5c28f, 0x40c0dd8666666666], 1700006477329),
];

#[test]
fn labels_values_and_times_are_those_of_the_go_program() {
    for ((host, number, per_host), labels, values, sixth) in PRINTED_BY_GO {
        let mut series = Series::new(*host, *number, *per_host);
        let ours: Vec<String> = series.labels().iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(ours.join(","), *labels);
        let ours: Vec<u64> = (0..6).map(|_| series.next_value().to_bits()).collect();
        assert_eq!(ours, values, "{labels}");
        assert_eq!(timestamp(*host, 5), *sixth);
    }
}
