use crate::support::{World, request, says};
use crate::vendor::Vendor;

#[test]
fn spinners_on_every_core_fail_no_neighbour() {
    let world = World::new();
    world.run(async {
        let cores = std::thread::available_parallelism().unwrap().get().max(4);
        let limits = format!("limits = {{ concurrency = {cores} }}");
        let hostile = world.misbehaving(&limits).await;
        let vendor = Vendor::start().await;
        let grant = format!("grant = {{ egress = [\"GET {}/*\"] }}", vendor.origin());
        let good = world.load("misbehaving", "good", &grant).await.unwrap();
        let mut spinning = Vec::new();
        for _ in 0..cores {
            let mut events = hostile.generate(request("spin-later", "")).await.unwrap();
            events.next().await.unwrap().unwrap();
            spinning.push(tokio::spawn(async move { events.next().await }));
        }
        let wanted = format!(r#"{{"method":"GET","url":"{}/x"}}"#, vendor.origin());
        for _ in 0..100 {
            assert_eq!(says(&good, "send", &wanted).await, "200  ok");
        }
        for spins in spinning {
            assert!(!spins.is_finished());
            spins.abort();
        }
        // Cancelled where they went to, they leave their places.
        for _ in 0..cores {
            assert_eq!(says(&hostile, "answer", "").await, "here");
        }
    });
}
