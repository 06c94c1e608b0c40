package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCgroupLimit(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  int64 // 0 for none
	}{
		"version 2": {map[string]string{"sys/fs/cgroup/memory.max": "268435456\n", "proc/self/cgroup": "0::/\n"}, 256 << 20},
		"version 2 without a namespace": {map[string]string{
			"proc/self/cgroup": "0::/kubepods/pod1/container\n", "sys/fs/cgroup/kubepods/pod1/container/memory.max": "134217728\n",
		}, 128 << 20},
		"version 2 without a limit": {map[string]string{"sys/fs/cgroup/memory.max": "max\n", "proc/self/cgroup": "0::/\n"}, 0},
		"version 1": {map[string]string{
			"proc/self/cgroup": "5:cpu,cpuacct:/\n4:memory:/kubepods/pod1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
		}, 256 << 20},
		"version 1 without a namespace": {map[string]string{
			"proc/self/cgroup":                                         "4:memory:/kubepods/pod1\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":               "9223372036854771712\n",
			"sys/fs/cgroup/memory/kubepods/pod1/memory.limit_in_bytes": "134217728\n",
		}, 128 << 20},
		"version 1 without a limit": {map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"both limits":               {map[string]string{"sys/fs/cgroup/memory.max": "2000000", "sys/fs/cgroup/a/memory.max": "1000000", "proc/self/cgroup": "0::/a"}, 1000000},
		"not a number":              {map[string]string{"sys/fs/cgroup/memory.max": "lots", "proc/self/cgroup": "\n:\n0::\n"}, 0},
		"no cgroups":                {nil, 0},
	} {
		root := t.TempDir()
		for file, content := range test.files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, ok := cgroupLimit(root)
		if ok != (test.want != 0) || ok && got != test.want {
			t.Errorf("%s: got %d, %v; want %d", name, got, ok, test.want)
		}
	}
}
