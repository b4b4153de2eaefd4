"""What a lab loads its twins with. One package a product; plan, judge and the SLOs know none of them."""
