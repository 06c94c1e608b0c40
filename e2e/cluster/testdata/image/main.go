// Command hello is what the test of image builds puts into an image: it says a word that the build
// gave it, and the user that it runs as.
package main

import (
	"fmt"
	"os"
)

var greeting = "nothing was set"

func main() { fmt.Println(greeting, os.Getuid()) }
