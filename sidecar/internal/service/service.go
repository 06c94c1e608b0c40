// Package service runs the program under the service manager of the system, or in the foreground.
//
// It guarantees that the program's context ends when the service manager or a user asks it to stop,
// and that the reason of a failure is where people look for it: on Windows, also in the Event Log.
//
// It decides nothing about certificates.
package service

// Name is the name of the service on Windows, and of its source in the Event Log.
const Name = "certsync"

// Command is the program's command that manages the service.
const Command = "service"
