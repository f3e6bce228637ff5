// Command orders is a small service with a bug: a configuration may inherit from itself, and then a look for a key that
// it does not have never ends.
//
//	orders [-listen ADDRESS] [-variant fast|slow|limited] [-level-time DURATION]
//
//	POST /config  name=N [base=B] [KEY=VALUE...]   makes or changes configuration N, which inherits from B
//	GET /order?config=N&key=KEY                    the value that orders get for KEY
//
// Variant slow works at each level, so that the recursion lives about a minute. limited is fast, for a run under a
// memory limit.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Config maps keys to values, and "base" to the Config that it inherits from.
type Config struct {
	values map[string]interface{}
}

// Get returns the value of key here or in the nearest base that has it.
func (c *Config) Get(key string) (interface{}, bool) {
	if rounds > 0 {
		weigh(key)
	}
	if value, found := c.values[key]; found {
		return value, true
	}
	base, found := c.values["base"].(*Config)
	if !found {
		return nil, false
	}
	// Here a guard is missing: base may be c, or inherit from it.
	return base.Get(key)
}

var (
	rounds int // of weigh at each level
	weight uint32
)

// weigh is what a level of variant slow spends its time with.
//
//go:noinline
func weigh(key string) {
	hash := uint32(2166136261)
	for i := 0; i < rounds; i++ {
		hash = (hash ^ uint32(key[i%len(key)])) * 16777619
	}
	weight = hash
}

// calibrate sets rounds so that a level takes so long.
func calibrate(level time.Duration) {
	const measured = 5000000
	rounds = measured
	start := time.Now()
	weigh("discount")
	rounds = int(float64(measured) * float64(level) / float64(time.Since(start)))
}

type orders struct {
	lock    sync.RWMutex
	configs map[string]*Config
}

func (o *orders) config(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.ParseForm() != nil || r.Form.Get("name") == "" {
		http.Error(w, "POST name=NAME, base=NAME and any KEY=VALUE", http.StatusBadRequest)
		return
	}
	o.lock.Lock()
	defer o.lock.Unlock()
	name := r.Form.Get("name")
	if o.configs[name] == nil {
		o.configs[name] = &Config{values: map[string]interface{}{}}
	}
	changed := o.configs[name]
	for key := range r.Form {
		switch key {
		case "name":
		case "base":
			base := o.configs[r.Form.Get("base")]
			if base == nil {
				http.Error(w, "no such base", http.StatusNotFound)
				return
			}
			changed.values["base"] = base
		default:
			changed.values[key] = r.Form.Get(key)
		}
	}
	fmt.Fprintf(w, "%s has %d entries\n", name, len(changed.values))
}

func (o *orders) order(w http.ResponseWriter, r *http.Request) {
	o.lock.RLock()
	defer o.lock.RUnlock()
	wanted := o.configs[r.FormValue("config")]
	key := r.FormValue("key")
	if wanted == nil || key == "" {
		http.Error(w, "no such config, or no key", http.StatusNotFound)
		return
	}
	value, found := wanted.Get(key)
	if !found {
		http.Error(w, "no such key", http.StatusNotFound)
		return
	}
	fmt.Fprintln(w, value)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve on")
	variant := flag.String("variant", "fast", "fast, slow or limited")
	levelTime := flag.Duration("level-time", 5*time.Microsecond, "variant slow: time to spend at each level")
	flag.Parse()
	switch *variant {
	case "fast", "limited":
	case "slow":
		calibrate(*levelTime)
	default:
		log.Fatalf("orders: unknown variant %q: it is fast, slow or limited", *variant)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal("orders: ", err)
	}
	service := &orders{configs: map[string]*Config{}}
	http.HandleFunc("/config", service.config)
	http.HandleFunc("/order", service.order)
	fmt.Println("orders serves on", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
