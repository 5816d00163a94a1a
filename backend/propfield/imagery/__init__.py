"""Where pictures come from: the studio, folders, COCO files, and (later) diffusion."""
