package inject_test

import "testing"

// BenchmarkPod measures admission from the decoded pod to the encoded patch, including the
// settings.
func BenchmarkPod(b *testing.B) {
	for _, name := range []string{"identity/plain", "sidecar/native", "sidecar/mesh-istio", "stores/two"} {
		b.Run(name, func(b *testing.B) {
			in := readInput(b, "testdata/"+name+".in.yaml")
			pod := decode(b, in.Pod)
			b.ReportAllocs()
			for b.Loop() {
				r, err := in.run(pod)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := r.Patch.Append(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
