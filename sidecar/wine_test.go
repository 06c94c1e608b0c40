package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

const (
	wineScripts = "testdata/wine"
	// insideWine is set in the process that TestWine starts.
	insideWine = "CERTSYNC_TEST_INSIDE_WINE"
)

// TestWine runs the program for Windows in Wine: the tests of package winstore, and the scripts in
// testdata/wine. Wine has the certificate stores and the service manager of Windows, but not
// everything that docs/windows.md lists as not verified.
//
// It runs in a PID namespace: Wine starts processes in the background, and the kernel kills them
// with the first process of the namespace, for whatever reason that ends.
func TestWine(t *testing.T) {
	for _, program := range []string{"wine", winLinker} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("needs the Debian packages wine and binutils-mingw-w64-x86-64")
		}
	}
	if os.Getenv(insideWine) == "" {
		runInPIDNamespace(t)
		return
	}
	check(t, unix.Mount("proc", "/proc", "proc", 0, "")) // of this namespace
	prefix := newWinePrefix(t)
	t.Run("winstore", func(t *testing.T) {
		test := filepath.Join(t.TempDir(), "winstore.exe")
		prefix.build(t, "test", "-c", "-o", test, "./internal/winstore")
		prefix.wine(t, test, "-test.v")
	})
	w := newWorld(t)
	w.serveMetadata(t)
	scripts, err := filepath.Glob(wineScripts + "/*.txtar")
	check(t, err)
	for _, script := range scripts { // one after the other, since they share the machine's stores
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			prefix.reset(t)
			testscript.Run(t, testscript.Params{
				Files:               []string{script},
				RequireExplicitExec: true,
				Setup: func(env *testscript.Env) error {
					env.Vars = append(env.Vars, prefix.env()...)
					return w.setUp(env)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"settings": settingsCommand,
					"vault":    w.vaultCommand,
					"awaits":   awaitsCommand,
					"tmpfs":    tmpfsCommand,
					"get":      getCommand,
					"post":     postCommand,
					"store":    w.storeCommand,
				},
			})
		})
	}
}

func runInPIDNamespace(t *testing.T) {
	runtime.LockOSThread() // the process dies with the thread that started it
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	check(t, err)
	cmd := exec.Command(self, "-test.run=^TestWine$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), insideWine+"=1", "TMPDIR="+t.TempDir()) // is removed also if that process is killed
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	check(t, cmd.Run())
}

// winePrefix is an installation of Wine in a temporary directory.
type winePrefix struct {
	dir, certsync, storelist, workingset string
}

const winLinker = "x86_64-w64-mingw32-ld"

// prngExports makes a bcryptprimitives.dll, which Wine 8 does not have, of a function that it has.
// Go's programs need it.
const prngExports = `LIBRARY bcryptprimitives.dll
EXPORTS
ProcessPrng = advapi32.SystemFunction036
`

func newWinePrefix(t *testing.T) *winePrefix {
	t.Helper()
	dir := t.TempDir()
	p := &winePrefix{dir: filepath.Join(dir, "prefix"), certsync: filepath.Join(dir, "certsync.exe"), storelist: filepath.Join(dir, "storelist.exe"), workingset: filepath.Join(dir, "workingset.exe")}
	check(t, os.Mkdir(p.dir, 0o700))
	p.run(t, "wine", "wineboot", "--init")
	p.run(t, "wineserver", "--kill")       // and all that was started to create the prefix
	p.run(t, "wineserver", "--persistent") // until the namespace ends
	exports := filepath.Join(dir, "bcryptprimitives.def")
	check(t, os.WriteFile(exports, []byte(prngExports), 0o600))
	p.run(t, winLinker, "-shared", "-o", filepath.Join(p.dir, "drive_c/windows/system32/bcryptprimitives.dll"), exports)
	p.build(t, "build", "-ldflags=-s -w", "-o", p.certsync, ".") // as in a release
	p.build(t, "build", "-o", p.storelist, "../e2e/wine/storelist")
	p.build(t, "build", "-o", p.workingset, "../e2e/wine/workingset")
	return p
}

// env returns the variables for Wine, and for the scripts.
func (p *winePrefix) env() []string {
	return []string{
		"WINEPREFIX=" + p.dir, "WINEDEBUG=-all", "TMPDIR=" + os.TempDir(), // in which Wine finds its server
		"CERTSYNC=" + p.certsync, "STORELIST=" + p.storelist, "WORKINGSET=" + p.workingset,
		"DRIVE_C=" + filepath.Join(p.dir, "drive_c"),
	}
}

// run runs a command. Its output goes to a file: what it starts in the background would keep a pipe
// open.
func (p *winePrefix) run(t *testing.T, name string, args ...string) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "output")
	check(t, err)
	defer file.Close()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), p.env()...)
	cmd.Stdout, cmd.Stderr = file, file
	err = cmd.Run()
	out, readErr := os.ReadFile(file.Name())
	check(t, readErr)
	if len(out) > 0 {
		t.Logf("%s", out)
	}
	check(t, err)
}

func (p *winePrefix) wine(t *testing.T, args ...string) {
	t.Helper()
	p.run(t, "wine", args...)
}

// build runs the go command for Windows.
func (p *winePrefix) build(t *testing.T, args ...string) {
	t.Helper()
	t.Setenv("GOOS", "windows")
	t.Setenv("GOARCH", "amd64")
	t.Setenv("CGO_ENABLED", "0")
	p.run(t, "go", args...)
}

// reset empties the stores that the tests use.
func (p *winePrefix) reset(t *testing.T) {
	t.Helper()
	for _, store := range []string{`HKLM\%s\MY`, `HKLM\%s\CA`, `HKCU\%s\MY`, `HKCU\%s\CA`} {
		key := fmt.Sprintf(store, `Software\Microsoft\SystemCertificates`)
		p.wine(t, "reg", "add", key, "/f") // so that it can be deleted
		p.wine(t, "reg", "delete", key, "/f")
	}
}
