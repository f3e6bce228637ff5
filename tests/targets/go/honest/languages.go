package main

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"strings"
	"text/template"
)

// nestedJSON decodes and encodes arrays in arrays, 10,000 levels: encoding/json takes no more.
func nestedJSON() int {
	const levels = 10000
	text := strings.Repeat("[", levels) + strings.Repeat("]", levels)
	var value interface{}
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		fail(1, err)
	}
	if encoded, err := json.Marshal(value); err != nil || string(encoded) != text {
		fail(1, "JSON does not survive", err)
	}
	return levels
}

// pattern is a backtracking matcher of characters, "." and "*", as in many a small tool.
type pattern struct {
	text    string
	deepest int
}

//go:noinline
func (p *pattern) match(regex string, at, depth int) bool {
	p.deepest = deeper(p.deepest, depth)
	switch {
	case regex == "":
		return at == len(p.text)
	case len(regex) > 1 && regex[1] == '*':
		if at < len(p.text) && (regex[0] == '.' || regex[0] == p.text[at]) && p.match(regex, at+1, depth+1) {
			return true
		}
		return p.match(regex[2:], at, depth+1)
	case at < len(p.text) && (regex[0] == '.' || regex[0] == p.text[at]):
		return p.match(regex[1:], at+1, depth+1)
	}
	return false
}

// backtracking fails to match at each of 200,000 characters, from the last to the first.
func backtracking() int {
	p := &pattern{text: strings.Repeat("x", 200000)}
	if p.match(".*y", 0, 1) {
		fail(1, "there is no y")
	}
	return p.deepest
}

type comment struct {
	Text  string
	Reply *comment
}

var thread = template.Must(template.New("comment").Parse(
	`<li>{{.Text}}{{with .Reply}}<ul>{{template "comment" .}}</ul>{{end}}</li>`))

// nestedTemplate renders replies to replies, 5,000 levels of a few KiB.
func nestedTemplate() int {
	var newest *comment
	for i := 0; i < 5000; i++ {
		newest = &comment{"text", newest}
	}
	if err := thread.Execute(io.Discard, newest); err != nil {
		fail(1, err)
	}
	return 5000
}

// grammar interprets rules that are held in a map: at each level the same map, the same key and equal frames.
type grammar struct {
	rules   map[string][][]string
	text    string
	at      int
	depth   int
	deepest int
}

//go:noinline
func (g *grammar) parse(name string) bool {
	alternatives, isRule := g.rules[name]
	if !isRule {
		if strings.HasPrefix(g.text[g.at:], name) {
			g.at += len(name)
			return true
		}
		return false
	}
	g.depth++
	g.deepest = deeper(g.deepest, g.depth)
	matched := false
	start := g.at
	for _, sequence := range alternatives {
		g.at, matched = start, true
		for _, part := range sequence {
			if matched = g.parse(part); !matched {
				break
			}
		}
		if matched {
			break
		}
	}
	g.depth--
	return matched
}

// grammarOfMaps parses 100,000 parentheses around an x.
func grammarOfMaps() int {
	const levels = 100000
	g := &grammar{
		rules: map[string][][]string{"expression": {{"(", "expression", ")"}, {"x"}}},
		text:  strings.Repeat("(", levels-1) + "x" + strings.Repeat(")", levels-1),
	}
	if !g.parse("expression") || g.at != len(g.text) {
		fail(1, "the grammar does not match")
	}
	return g.deepest
}

//go:noinline
func walkMap(values map[string]interface{}) int {
	inner, found := values["inner"].(map[string]interface{})
	if !found {
		return 1
	}
	return walkMap(inner) + 1
}

// nestedMaps walks down 50,000 maps in maps, another one at each level.
func nestedMaps() int {
	outer := map[string]interface{}{}
	for i := 1; i < 50000; i++ {
		outer = map[string]interface{}{"inner": outer}
	}
	return walkMap(outer)
}

// goParser parses nested parentheses, not far below the 100,000 levels of its own, three for each.
func goParser() int {
	const levels = 30000
	source := "package p\n\nvar x = " + strings.Repeat("(", levels) + "1" + strings.Repeat(")", levels) + "\n"
	if _, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0); err != nil {
		fail(1, err)
	}
	return levels
}
