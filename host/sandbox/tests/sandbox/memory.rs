use futures::future::join_all;

use crate::support::{World, says};

#[test]
fn nothing_is_seen_of_an_earlier_call() {
    let world = World::new();
    world.run(async {
        let plugin = world.misbehaving("").await;
        // Two tenants at a time, each with calls that run beside the other's.
        let tenants = (0..8).map(|n| {
            let plugin = &plugin;
            async move {
                for call in 0..1250 {
                    let secret = format!("secret {call} of tenant {}", n % 2);
                    let seen = says(plugin, "remember", &secret).await;
                    assert_eq!(seen, "nothing", "{secret}");
                }
            }
        });
        join_all(tenants).await;
    });
}
