"""Writers of tiny pretrained weights in the form of the published ones, one module per method."""
