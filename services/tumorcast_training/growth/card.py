def card(*a): return "later\n"
