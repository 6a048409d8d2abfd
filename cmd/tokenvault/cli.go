package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Exit codes, as the usage text documents them.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// command is one subcommand.
type command struct {
	name     string
	summary  string
	examples []string
	// setup declares the flags and returns what runs after they are parsed.
	setup func(flags *flag.FlagSet) action
}

// action does a command's work. It writes results to stdout; its error is the
// caller's to print. It returns nil when ctx ends it.
type action func(ctx context.Context, stdout io.Writer) error

var commands = []command{demoCommand, buildCommand, serveCommand, checkCommand, versionCommand}

// usageError is a command line that cannot be meant: exit code 2.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// run is the whole command: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		printUsage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		printUsage(stdout)
		return exitOK
	}
	for _, command := range commands {
		if command.name == args[0] {
			return command.run(ctx, args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "tokenvault: there is no command %q; see tokenvault -h\n", args[0])
	return exitUsage
}

func (c command) run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // we say it ourselves, in one voice
	act := c.setup(flags)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.printUsage(stdout, flags)
		return exitOK
	case err != nil:
		err = usageError{err.Error()}
	case flags.NArg() > 0:
		err = usageError{fmt.Sprintf("unexpected argument %q", flags.Arg(0))}
	default:
		err = act(ctx, stdout)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "tokenvault %s: %s\n", c.name, strings.ReplaceAll(err.Error(), "\n", "\n  "))
	if errors.As(err, new(usageError)) {
		fmt.Fprintf(stderr, "See tokenvault %s -h.\n", c.name)
		return exitUsage
	}
	return exitFailure
}

func printUsage(w io.Writer) {
	fmt.Fprint(w, "Usage:\n\n")
	for _, command := range commands {
		fmt.Fprintf(w, "    tokenvault %-9s %s\n", command.name, command.summary)
	}
	fmt.Fprint(w, `
Each command explains its flags with -h.

Exit codes: 0 done, 1 failed, 2 the command line is wrong.

Token Vault keeps the OAuth tokens of a web app in another origin, out of reach
of the app's own scripts.
`)
}

func (c command) printUsage(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: tokenvault %s [flags]\n\n%s\n", c.name, c.summary)
	first := true
	flags.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nFlags:\n\n")
			first = false
		}
		kind, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "    --%s %s\n        %s", f.Name, kind, text)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
	fmt.Fprint(w, "\nExamples:\n\n")
	for _, example := range c.examples {
		fmt.Fprintf(w, "    %s\n", example)
	}
	fmt.Fprint(w, "\nExit codes: 0 done, 1 failed, 2 the command line is wrong.\n")
}

// configFlag declares the flag that every command with a configuration has.
func configFlag(flags *flag.FlagSet) *string {
	return flags.String("config", "tokenvault.json", "configuration `file`")
}
