"""Between the contract's bindings and the kit. Only inside of a component: the modules that are imported here are made when it is built."""
