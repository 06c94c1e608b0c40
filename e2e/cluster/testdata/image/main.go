// Command hello is the program in the image of the build test: it prints a word that the build
// sets, and its user ID.
package main

import (
	"fmt"
	"os"
)

var greeting = "nothing was set"

func main() { fmt.Println(greeting, os.Getuid()) }
