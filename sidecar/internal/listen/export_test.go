package listen

import "net"

// CheckPeers is the second guard of PodOnly alone.
func CheckPeers(l net.Listener) net.Listener { return podOnly{l} }
