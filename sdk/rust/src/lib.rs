mod t {
    wit_bindgen::generate!({ world: "provider-native-world", path: "../../wit", generate_all });
}
mod a {
    wit_bindgen::generate!({ world: "accelerator", path: "../../wit", generate_all });
}
mod o {
    wit_bindgen::generate!({ world: "tool-world", path: "../../wit", generate_all });
}
