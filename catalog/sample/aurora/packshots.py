"""Models and renders the packshots of the invented brand Aurora with Blender.

Every product is built from a few shapes (turned profiles, slabs, tubes,
sheets), gets procedural materials, is printed with the brand's logo, and is
rendered in one soft-box studio on a transparent background.

    python3 -m venv denoiser && denoiser/bin/pip install pyoidn
    blender -b --factory-startup -P packshots.py -- --denoiser denoiser/bin/python [--only ID] [--samples N] [--size PX]

Pictures go to images/<id>.png next to this file (or to --out FOLDER).
Written for Blender 3.4; renders with Cycles on the CPU. The denoiser is
optional; without it the pictures need about twenty times the samples.
"""

import argparse
import math
import subprocess
import sys
import tempfile
from array import array
from pathlib import Path

import bmesh
import bpy
from mathutils import Matrix, Vector

HERE = Path(__file__).resolve().parent
LOGO = HERE.parents[2] / "templates" / "aurora_launch" / "brand" / "logo.svg"
MARGIN = 0.035

INK = "#1C2026"
CREAM = "#F1E7D6"
STEEL = "#C9CBCD"
BRASS = "#D8B072"


# ---------------------------------------------------------------- materials


def linear(hex_color):
    """sRGB hex colour to the linear RGBA that Blender calculates with."""
    channels = [int(hex_color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels] + [1.0]


def material(name, color, roughness=0.5, metallic=0.0, **inputs):
    """A principled material; further inputs by name, spaces as underscores."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = linear(color)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    for key, value in inputs.items():
        shader.inputs[key.replace("_", " ")].default_value = value
    return made


def node(made, kind, **settings):
    added = made.node_tree.nodes.new(kind)
    for key, value in settings.items():
        setattr(added, key, value)
    return added


def link(made, source, target):
    made.node_tree.links.new(source, target)


def shader_input(made, name):
    return made.node_tree.nodes["Principled BSDF"].inputs[name]


def noise(made, scale, stretch=(1, 1, 1), detail=3, coordinates="Object"):
    """Output socket of a noise texture stretched along the axes."""
    where = node(made, "ShaderNodeTexCoord")
    mapping = node(made, "ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = stretch
    texture = node(made, "ShaderNodeTexNoise")
    texture.inputs["Scale"].default_value = scale
    texture.inputs["Detail"].default_value = detail
    link(made, where.outputs[coordinates], mapping.inputs["Vector"])
    link(made, mapping.outputs["Vector"], texture.inputs["Vector"])
    return texture.outputs["Fac"]


def bump(made, height, strength, distance=0.01):
    """Bends the surface normal by a height socket."""
    added = node(made, "ShaderNodeBump")
    added.inputs["Strength"].default_value = strength
    added.inputs["Distance"].default_value = distance
    link(made, height, added.inputs["Height"])
    link(made, added.outputs["Normal"], shader_input(made, "Normal"))
    return made


def vary(made, value, dark, light, low=0.3, high=0.7, target="Base Color"):
    """Colours an input by a value socket, from dark to light."""
    ramp = node(made, "ShaderNodeValToRGB")
    for stop, position, color in zip(ramp.color_ramp.elements, (low, high), (dark, light)):
        stop.position = position
        stop.color = linear(color)
    link(made, value, ramp.inputs["Fac"])
    link(made, ramp.outputs["Color"], shader_input(made, target))
    return made


def powder_coat(name, color):
    made = material(name, color, 0.42, Specular=0.45)
    return bump(made, noise(made, 130, detail=1), 0.16, 0.008)


def satin(name, color, roughness=0.32):
    return material(name, color, roughness, Specular=0.5)


def matte_ink(color):
    """Print that never shines, so that a highlight cannot grey half a word."""
    return material("ink", color, 0.9, Specular=0.08)


def gloss(name, color):
    return material(name, color, 0.16, Clearcoat=0.7, Clearcoat_Roughness=0.04)


def brushed(name, color, stretch=(1, 1, 90)):
    made = material(name, color, 0.24, 1.0)
    streaks = noise(made, 6, stretch, detail=4)
    vary(made, streaks, "#6A6A6A", "#9E9E9E", target="Roughness")
    return bump(made, streaks, 0.05, 0.005)


def wood(name, dark, light, stretch=(1.2, 14, 14)):
    made = material(name, light, 0.42)
    grain = noise(made, 2.6, stretch, detail=8)
    vary(made, grain, dark, light, 0.34, 0.66)
    return bump(made, grain, 0.12, 0.01)


def leather(name, color, scale=60):
    made = material(name, color, 0.46)
    return bump(made, noise(made, scale, detail=5), 0.35, 0.012)


def paper(name, color):
    made = material(name, color, 0.75, Specular=0.25)
    return bump(made, noise(made, 90, detail=6), 0.12, 0.006)


def woven(name, dark, light, scale, coordinates="UV"):
    """Threads crossing: two sine waves multiplied give the height."""
    made = material(name, light, 0.85, Specular=0.15, Sheen=0.4)
    where = node(made, "ShaderNodeTexCoord")
    product = node(made, "ShaderNodeMath", operation="MULTIPLY")
    for slot, direction in enumerate("XY" if coordinates == "UV" else "XZ"):
        wave = node(made, "ShaderNodeTexWave", bands_direction=direction)
        wave.inputs["Scale"].default_value = scale
        wave.inputs["Distortion"].default_value = 0.4
        link(made, where.outputs[coordinates], wave.inputs["Vector"])
        link(made, wave.outputs["Fac"], product.inputs[slot])
    vary(made, product.outputs[0], dark, light, 0.0, 0.55)
    return bump(made, product.outputs[0], 0.6, 0.02)


def clear_glass(name, color="#FFFFFF", roughness=0.0):
    return material(name, color, roughness, Transmission=1.0, IOR=1.46)


def glowing(name, color, strength):
    return material(name, color, Emission=linear(color), Emission_Strength=strength)


# ------------------------------------------------------------------- shapes


def add_mesh(name, vertices, faces, surface, smooth_angle=40):
    data = bpy.data.meshes.new(name)
    data.from_pydata(vertices, [], faces)
    data.materials.append(surface)
    data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    data.use_auto_smooth = True
    data.auto_smooth_angle = math.radians(smooth_angle)
    made = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(made)
    return made


def soften(made, width, segments=4, angle=35):
    """Rounds the sharp edges, as every real edge catches light."""
    modifier = made.modifiers.new("edges", "BEVEL")
    modifier.width, modifier.segments = width, segments
    modifier.angle_limit = math.radians(angle)
    modifier.harden_normals = True
    return made


def thicken(made, thickness, offset=-1.0):
    modifier = made.modifiers.new("thickness", "SOLIDIFY")
    modifier.thickness, modifier.offset = thickness, offset
    return made


def rounded(corners, steps=8):
    """Points of a line whose corners (x, y, radius) are rounded."""
    line = []
    for i, corner in enumerate(corners):
        point, radius = Vector(corner[:2]), corner[2] if len(corner) > 2 else 0
        if not radius or i in (0, len(corners) - 1):
            line.append(point)
            continue
        line += corner_arc(Vector(corners[i - 1][:2]), point, Vector(corners[i + 1][:2]), radius, steps)
    return line


def corner_arc(before, point, after, radius, steps):
    start = point + (before - point).normalized() * min(radius, (before - point).length * 0.5)
    end = point + (after - point).normalized() * min(radius, (after - point).length * 0.5)
    ways = [i / steps for i in range(steps + 1)]
    return [start * (1 - t) ** 2 + point * 2 * t * (1 - t) + end * t * t for t in ways]


def turned(name, corners, surface, segments=160, smooth_angle=40):
    """A solid of revolution around z; corners are (radius, height, rounding)."""
    line = rounded(corners)
    vertices, faces = [], []
    for step in range(segments):
        angle = 2 * math.pi * step / segments
        vertices += [(p.x * math.cos(angle), p.x * math.sin(angle), p.y) for p in line]
    count = len(line)
    for step in range(segments):
        this, following = step * count, (step + 1) % segments * count
        faces += [(this + i, following + i, following + i + 1, this + i + 1) for i in range(count - 1)]
    made = add_mesh(name, vertices, faces, surface, smooth_angle)
    unroll_turned(made, line, segments)
    weld(made)
    return made


def unroll_turned(made, line, segments):
    """Texture coordinates in object units: around the widest girth, along the profile."""
    lengths = [0.0]
    for first, second in zip(line, line[1:]):
        lengths.append(lengths[-1] + (second - first).length)
    girth = 2 * math.pi * max(p.x for p in line)
    layer, count = made.data.uv_layers.new(name="unrolled"), len(line)
    for face in made.data.polygons:
        last = any(v // count == segments - 1 for v in face.vertices)
        for loop, vertex in zip(face.loop_indices, face.vertices):
            step = segments if last and vertex // count == 0 else vertex // count
            layer.data[loop].uv = (girth * step / segments, lengths[vertex % count])


def weld(made):
    mesh = bmesh.new()
    mesh.from_mesh(made.data)
    bmesh.ops.remove_doubles(mesh, verts=mesh.verts, dist=1e-5)
    bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)
    mesh.to_mesh(made.data)
    mesh.free()


def slab(name, width, height, depth, corner, edge, surface, low=0.0):
    """An upright board with rounded corners, its front at -depth / 2."""
    half = width / 2
    outline = rounded_rectangle(-half, half, low, low + height, corner)
    count = len(outline)
    vertices = [(p.x, y, p.y) for y in (-depth / 2, depth / 2) for p in outline]
    faces = [tuple(range(count)), tuple(range(2 * count - 1, count - 1, -1))]
    faces += [(i, count + i, count + (i + 1) % count, (i + 1) % count) for i in range(count)]
    made = add_mesh(name, vertices, faces, surface)
    weld(made)
    return soften(made, edge)


def rounded_rectangle(left, right, low, high, radius):
    corners = [Vector(p) for p in ((left, low), (right, low), (right, high), (left, high))]
    line = []
    for i, point in enumerate(corners):
        line += corner_arc_round(corners[i - 1], point, corners[(i + 1) % 4], radius)
    return line


def corner_arc_round(before, point, after, radius, steps=12):
    """A true quarter circle, because the eye spots a lazy curve on a big corner."""
    arriving, leaving = (point - before).normalized(), (after - point).normalized()
    center = point - arriving * radius + leaving * radius
    turns = [math.pi / 2 * i / steps for i in range(steps + 1)]
    return [center - leaving * radius * math.cos(t) + arriving * radius * math.sin(t) for t in turns]


def tube(name, points, radius, surface, radii=None):
    """A round bar along a smooth line; radii scales it point by point."""
    data = bpy.data.curves.new(name, "CURVE")
    data.dimensions, data.bevel_depth, data.bevel_resolution = "3D", radius, 12
    data.resolution_u, data.use_fill_caps = 24, True
    line = data.splines.new("NURBS")
    line.points.add(len(points) - 1)
    line.order_u, line.use_endpoint_u = min(4, len(points)), True
    for i, point in enumerate(points):
        line.points[i].co = (*point, 1)
        line.points[i].radius = radii[i] if radii else 1
    data.materials.append(surface)
    made = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(made)
    return made


def sheet(name, place, surface, columns=120, rows=120, closed=False):
    """A surface from place(u, v) -> point with u and v from 0 to 1."""
    vertices = [place(i / columns, j / rows) for j in range(rows + 1) for i in range(columns + 1)]
    width = columns + 1
    faces = [
        (j * width + i, j * width + i + 1, (j + 1) * width + i + 1, (j + 1) * width + i)
        for j in range(rows)
        for i in range(columns)
    ]
    made = add_mesh(name, vertices, faces, surface)
    if closed:
        weld(made)
    return made


def unshaded(made):
    """Glass must not darken its content; the renderer would treat it as a wall."""
    made.visible_shadow = False
    return made


def moved(made, matrix):
    made.matrix_world = matrix @ made.matrix_world
    return made


def shift(x, y, z):
    return Matrix.Translation((x, y, z))


def turn(degrees, axis):
    return Matrix.Rotation(math.radians(degrees), 4, axis)


# ----------------------------------------------------------------- printing


def logo_outlines(mark, word):
    """The logo file's mark and letters as one flat mesh, width 1, centred on x."""
    known = set(bpy.data.objects)
    bpy.ops.import_curve.svg(filepath=str(LOGO))
    drawn = [o for o in bpy.data.objects if o not in known]
    wanted = [o for o in drawn if (mark and o.name.startswith("mark")) or (word and o.name.startswith("letter"))]
    mesh = bmesh.new()
    for curve in wanted:
        mesh.from_mesh(curve.to_mesh())
    for curve in drawn:
        bpy.data.objects.remove(curve)
    left, right = (pick(v.co.x for v in mesh.verts) for pick in (min, max))
    low = min(v.co.y for v in mesh.verts)
    for vertex in mesh.verts:
        vertex.co = ((vertex.co.x - (left + right) / 2) / (right - left), (vertex.co.y - low) / (right - left), 0)
    return mesh


def text_outlines(body, spacing=1.25):
    """A line of text as a flat mesh, one unit of font size, centred on x."""
    data = bpy.data.curves.new("text", "FONT")
    data.body, data.align_x, data.space_character = body, "CENTER", spacing
    carrier = bpy.data.objects.new("text", data)
    bpy.context.collection.objects.link(carrier)
    bpy.context.view_layer.update()
    mesh = bmesh.new()
    mesh.from_mesh(carrier.to_mesh())
    bpy.data.objects.remove(carrier)
    return mesh


def stamp(mesh, size, place, ink, step=0.03):
    """Lays a flat mesh on a surface: place(x, y) -> point."""
    bmesh.ops.scale(mesh, vec=(size, size, size), verts=mesh.verts)
    slice_flat(mesh, step)
    for vertex in mesh.verts:
        vertex.co = place(vertex.co.x, vertex.co.y)
    data = bpy.data.meshes.new("print")
    mesh.to_mesh(data)
    mesh.free()
    data.materials.append(ink)
    data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    made = bpy.data.objects.new("print", data)
    made.visible_shadow = False
    bpy.context.collection.objects.link(made)
    return made


def slice_flat(mesh, step):
    """Cuts a flat mesh into small cells, so that it can follow a curved surface."""
    for axis in (0, 1):
        values = [v.co[axis] for v in mesh.verts]
        at, normal = min(values) + step, Vector((axis == 0, axis == 1, 0))
        while at < max(values):
            everything = mesh.verts[:] + mesh.edges[:] + mesh.faces[:]
            bmesh.ops.bisect_plane(mesh, geom=everything, plane_co=normal * at, plane_no=normal)
            at += step


def print_logo(width, place, ink, mark=True, word=True):
    return stamp(logo_outlines(mark, word), width, place, ink)


def print_stacked(width, place, ink):
    """Mark above word, the form for square places."""
    print_logo(width * 0.42, lambda x, y: place(x, y + width * 0.21), ink, word=False)
    print_logo(width, place, ink, mark=False)


def print_text(body, size, place, ink, spacing=1.25):
    return stamp(text_outlines(body, spacing), size, place, ink)


def on_turned(corners, height, lift=0.003):
    """A place on a turned solid's front, at a height."""
    line = rounded(corners)

    def place(x, y):
        radius = radius_at(line, height + y) + lift
        return Vector((radius * math.sin(x / radius), -radius * math.cos(x / radius), height + y))

    return place


def radius_at(line, height):
    for low, high in zip(line, line[1:]):
        if low.y <= height <= high.y and high.y > low.y:
            return low.x + (high.x - low.x) * (height - low.y) / (high.y - low.y)
    return max(p.x for p in line)


def on_front(depth, height, lift=0.003):
    """A place on a flat front that stands at y = -depth."""
    return lambda x, y: Vector((x, -depth - lift, height + y))


def moved_place(place, matrix):
    return lambda x, y: matrix @ place(x, y)


def upwards(place, rise):
    """The same place, printed from bottom to top; rise is the height of the line."""
    return lambda x, y: place(rise / 2 - y, x)


def label_band(corners, low, high, spread, surface, lift=0.004):
    """A paper label around a turned solid; spread is its angle in degrees."""
    place = on_turned(corners, 0, lift)
    line = rounded(corners)

    def at(u, v):
        height = low + (high - low) * v
        return place((u - 0.5) * math.radians(spread) * radius_at(line, height), height)

    return sheet("label", at, surface, 160, 8)


# ----------------------------------------------------------------- products
# Each function builds one product, about two units tall, and returns how it
# is looked at: (turn of the product, elevation of the camera) in degrees.


def bottle():
    green, steel, cap = powder_coat("coat", "#1B4735"), brushed("steel", STEEL), powder_coat("cap", "#23292D")
    body = [(0, 0.04), (0.39, 0.04, 0.03), (0.415, 0.08, 0.02), (0.415, 1.72, 0.32), (0.265, 2.06, 0.10), (0.265, 2.12)]
    turned("body", body, green)
    turned("foot", [(0, 0), (0.395, 0, 0.03), (0.412, 0.07, 0.01), (0.38, 0.09)], steel)
    turned("neck", [(0.2, 2.09), (0.28, 2.095, 0.01), (0.28, 2.145, 0.01), (0.2, 2.15)], steel)
    turned("cap", [(0.2, 2.155), (0.30, 2.155, 0.025), (0.295, 2.42, 0.06), (0, 2.44)], cap)
    arc = [(0.235 * math.cos(a), 0, 2.33 + 0.32 * math.sin(a)) for a in arc_steps(0, 180, 24)]
    strap = sheet("loop", lambda u, v: loop_point(arc, u, v, 0.13), cap, 60, 6)
    soften(thicken(strap, 0.05, 0), 0.018)
    print_logo(1.05, upwards(on_turned(body, 1.02), 0.168), matte_ink("#E9EDE8"), mark=False)
    print_logo(0.20, on_turned(body, 0.24), matte_ink("#E9EDE8"), word=False)
    return 14, 7


def loop_point(line, u, v, width):
    """A point of a band that runs along a line and is wide in y."""
    position = min(u * (len(line) - 1), len(line) - 1.001)
    first, way = int(position), position - int(position)
    center = Vector(line[first]).lerp(Vector(line[first + 1]), way)
    return center + Vector((0, (v - 0.5) * width, 0))


def travel_mug():
    clay, grip = powder_coat("coat", "#AD4A30"), satin("grip", "#6B281B", 0.6)
    steel, lid = brushed("steel", STEEL), satin("lid", "#F0E6D8", 0.38)
    body = [(0, 0.02), (0.44, 0.02, 0.05), (0.60, 1.56, 0.02), (0.57, 1.57)]
    turned("body", body, clay)
    sleeve = [(0.485, 0.50), (0.505, 0.50, 0.015), (0.57, 1.10, 0.015), (0.54, 1.10)]
    turned("sleeve", sleeve, grip)
    turned("rim", [(0.5, 1.55), (0.603, 1.555, 0.01), (0.607, 1.61, 0.01), (0.5, 1.615)], steel)
    turned(
        "lid",
        [(0.5, 1.60), (0.635, 1.615, 0.03), (0.63, 1.76, 0.05), (0.53, 1.80, 0.04), (0.50, 1.775, 0.03), (0, 1.76)],
        lid,
    )
    moved(slab("slider", 0.26, 0.34, 0.09, 0.12, 0.03, clay, -0.17), shift(0, -0.26, 1.80) @ turn(90, "X"))
    print_logo(0.74, on_turned(body, 1.24), paper("print", CREAM))
    print_logo(0.17, on_turned(sleeve, 0.76), satin("deboss", "#5E2417", 0.7), word=False)
    return 8, 17


def kettle():
    white, walnut = powder_coat("coat", "#E9E4D9"), wood("walnut", "#3A2112", "#7C4A28", (5, 5, 1.0))
    steel = brushed("steel", STEEL)
    body = [(0, 0.03), (0.80, 0.03, 0.06), (0.84, 0.14, 0.08), (0.60, 1.02, 0.10), (0.50, 1.06)]
    turned("body", body, white)
    turned("foot", [(0, 0), (0.72, 0, 0.01), (0.735, 0.035), (0.6, 0.04)], steel)
    turned("collar", [(0.4, 1.05), (0.525, 1.055, 0.01), (0.525, 1.10, 0.01), (0.4, 1.105)], steel)
    turned("lid", [(0.4, 1.10), (0.515, 1.105, 0.02), (0.50, 1.15, 0.03), (0.12, 1.215, 0.1), (0.05, 1.23)], white)
    turned("stem", [(0.05, 1.20), (0.05, 1.28)], steel)
    turned("knob", [(0, 1.27), (0.07, 1.27, 0.02), (0.12, 1.39, 0.05), (0, 1.41)], walnut)
    spout = [
        (-0.66, 0, 0.26),
        (-0.86, 0, 0.25),
        (-1.08, 0, 0.31),
        (-1.08, 0, 0.62),
        (-0.97, 0, 0.92),
        (-0.99, 0, 1.20),
        (-1.13, 0, 1.32),
        (-1.27, 0, 1.27),
    ]
    tube("spout", spout, 0.075, white, [2.0, 1.7, 1.25, 1.05, 0.9, 0.78, 0.7, 0.68])
    opening = turned("opening", [(0, 0), (0.040, 0), (0.046, -0.006)], matte_ink("#26241F"), 48)
    moved(opening, shift(-1.272, 0, 1.269) @ Vector((-0.14, 0, -0.05)).to_track_quat("Z", "Y").to_matrix().to_4x4())
    holder = [(0.46, 0, 1.0), (0.62, 0, 1.08), (0.80, 0, 1.15), (0.92, 0, 1.15)]
    tube("bracket", holder, 0.045, steel)
    grip = [(0.86, 0, 1.150), (1.02, 0, 1.16), (1.14, 0, 1.04), (1.18, 0, 0.76), (1.15, 0, 0.44), (1.09, 0, 0.32)]
    tube("handle", grip, 0.085, walnut, [0.75, 0.95, 1.0, 1.0, 0.9, 0.75])
    print_logo(0.80, on_turned(body, 0.44), matte_ink(INK))
    return -14, 11


def tea_tin():
    teal, brass = satin("lacquer", "#0F5257", 0.28), brushed("brass", BRASS)
    cream, ink = paper("label", CREAM), matte_ink("#123B40")
    body = [(0, 0), (0.60, 0, 0.03), (0.62, 0.04, 0.02), (0.62, 1.45)]
    turned("body", body, teal)
    turned("bead", [(0.55, 1.44), (0.63, 1.445, 0.012), (0.63, 1.475, 0.012), (0.55, 1.48)], brass)
    turned("lid", [(0.5, 1.48), (0.635, 1.48, 0.015), (0.635, 1.78, 0.05), (0.56, 1.81, 0.03), (0, 1.815)], teal)
    turned(
        "knob",
        [(0.0, 1.80), (0.06, 1.81, 0.01), (0.055, 1.86, 0.02), (0.10, 1.93, 0.04), (0.06, 1.97, 0.02), (0, 1.97)],
        brass,
    )
    label_band(body, 0.22, 1.27, 130, cream)
    for height in (0.255, 1.225):
        label_band(body, height, height + 0.009, 124, brass, 0.007)
    print_stacked(0.66, on_turned(body, 0.83, 0.008), ink)
    print_text("EARL GREY", 0.125, on_turned(body, 0.58, 0.008), ink, 1.5)
    print_text("LOOSE LEAF BLACK TEA", 0.058, on_turned(body, 0.475, 0.008), ink, 1.5)
    print_text("100 g", 0.058, on_turned(body, 0.33, 0.008), ink, 1.3)
    return 0, 10


def pouch_point(u, v, side):
    """The filled bag: fat below, sealed flat along top and sides."""
    across = max(0.0, 1 - abs(2 * u - 1) ** 2.2)
    fill = max(0.0, 1 - v / 0.90)
    bulge = 0.50 * fill**0.5 * (1 - 0.25 * (1 - v) ** 6)
    loose = min(1, 6 * fill) * across
    folds = 0.020 * math.sin(8 * u + 6 * v + side) * math.sin(9 * v - 3 * u) + 0.010 * math.sin(19 * u - 13 * v)
    creases = 0.022 * math.exp(-(((v - 0.80) / 0.07) ** 2)) * math.sin(26 * u + 9 * v)
    waist = 1 - 0.06 * math.sin(math.pi * min(1, v / 0.9)) ** 2 + 0.004 * math.sin(31 * v)
    depth = bulge * across + (folds + creases) * loose + 0.006
    return Vector(((u - 0.5) * 1.42 * waist, -side * depth, v * 2.1 + 0.07 * (1 - across) * (1 - v) ** 5))


def coffee_pouch():
    foil, ink = material("foil", "#C9A06C", 0.44, Specular=0.4), matte_ink("#2E1A13")
    coral, amber = satin("coral", "#E4572E", 0.5), satin("amber", "#F2A541", 0.5)
    fibres = noise(foil, 30, (1, 1, 0.5), 8)
    vary(foil, fibres, "#BC9060", "#CFA877", 0.3, 0.7)
    bump(foil, noise(foil, 4, (1, 1, 1.6), 3), 0.45, 0.07)
    for side in (1, -1):
        sheet("side", lambda u, v: pouch_point(u, v, side), foil, 140, 180)

    def front(x, y):
        return pouch_point(x / 1.42 + 0.5, y / 2.1, 1) + Vector((0, -0.006, 0))

    for i in range(5):
        sheet(
            "seal",
            lambda u, v: front((u - 0.5) * 1.40, 1.93 + i * 0.026 + v * 0.011) + Vector((0, -0.004, 0)),
            foil,
            60,
            2,
        )
    sun_disc(front, 0.40, 0.92, amber, 0.004)
    sun_disc(front, 0.27, 0.92, coral, 0.008)
    sheet("horizon", lambda u, v: front((u - 0.5) * 1.04, 0.865 + v * 0.035) + Vector((0, -0.006, 0)), ink, 120, 2)
    print_logo(0.86, lambda x, y: front(x, y + 1.50), ink, mark=False)
    print_text("SUNRISE BLEND", 0.115, lambda x, y: front(x, y + 0.66), ink, 1.35)
    print_text("APRICOT  ·  CARAMEL  ·  COCOA", 0.052, lambda x, y: front(x, y + 0.53), ink, 1.2)
    print_text("WHOLE BEANS   250 g", 0.052, lambda x, y: front(x, y + 0.30), ink, 1.3)
    return 16, 6


def sun_disc(place, radius, height, ink, lift):
    """A half disc that stands on the horizon line."""

    def at(u, v):
        angle = math.pi * u
        return place(radius * v * math.cos(angle), height + radius * v * math.sin(angle)) + Vector((0, -lift, 0))

    return sheet("sun", at, ink, 96, 16)


def desk_lamp():
    ochre, brass = powder_coat("coat", "#CC7F1E"), brushed("brass", BRASS)
    white, light = satin("inside", "#FFF6E6", 0.5), glowing("light", "#FFE2B0", 5)
    base = [(0, 0), (0.50, 0, 0.03), (0.50, 0.09, 0.04), (0, 0.10)]
    turned("base", base, ochre)
    turned("socket", [(0, 0.09), (0.07, 0.10, 0.01), (0.07, 0.20, 0.02), (0, 0.20)], brass)
    arm = [
        (0, 0, 0.1),
        (0, 0, 0.6),
        (0, 0, 1.2),
        (0.02, 0, 1.78),
        (0.30, 0, 2.16),
        (0.72, 0, 2.16),
        (0.98, 0, 1.90),
        (1.0, 0, 1.62),
    ]
    tube("arm", arm, 0.042, ochre)
    dome = [(0.53, 0), (0.525, 0.02, 0.01), (0.42, 0.36, 0.18), (0.10, 0.46, 0.04), (0.06, 0.46)]
    place = shift(0.99, 0, 1.22) @ turn(-16, "X")
    moved(turned("shade", dome, ochre), place)
    moved(turned("lining", [(r * 0.96, z * 0.95 + 0.003, *soft) for r, z, *soft in dome], white), place)
    moved(turned("cap", [(0, 0.52), (0.06, 0.52, 0.02), (0.09, 0.455, 0.01), (0, 0.44)], brass), place)
    moved(turned("bulb", [(0, -0.02), (0.14, 0.03, 0.08), (0.12, 0.20, 0.05), (0, 0.24)], light), place)
    moved(turned("dimmer", [(0, 0), (0.065, 0, 0.01), (0.06, 0.03, 0.012), (0, 0.034)], brass), shift(0, -0.30, 0.098))
    print_logo(0.40, moved_place(on_turned(dome, 0.07), place), matte_ink("#FFF8EA"), mark=False)
    return -22, 5


def candle():
    glass, wax = clear_glass("glass", "#F6D9A8"), material("wax", "#F6E3C0", 0.5, Subsurface=0.25)
    shader_input(wax, "Subsurface Radius").default_value = (0.3, 0.15, 0.06)
    ash = wood("lid", "#A9753F", "#D8A970")
    cream, ink, wick = paper("label", CREAM), matte_ink("#5A2E12"), paper("wick", "#6B4A30")
    outer = [(0, 0), (0.60, 0, 0.07), (0.64, 0.12, 0.06), (0.64, 1.42)]
    unshaded(turned("tumbler", outer + [(0.625, 1.435), (0.605, 1.42), (0.605, 0.16, 0.08), (0, 0.13)], glass))
    turned("wax", [(0, 0.115), (0.61, 0.145, 0.08), (0.612, 1.13), (0.58, 1.12, 0.02), (0.2, 1.105), (0, 1.10)], wax)
    tube("wick", [(0, 0, 1.08), (0.0, 0, 1.17), (0.012, 0, 1.24), (0.03, 0, 1.28)], 0.018, wick)
    label_band(outer, 0.30, 0.96, 84, cream)
    print_stacked(0.60, on_turned(outer, 0.62, 0.008), ink)
    print_text("AMBER & CEDAR", 0.074, on_turned(outer, 0.48, 0.008), ink, 1.4)
    print_text("SOY WAX   220 g", 0.05, on_turned(outer, 0.38, 0.008), ink, 1.4)
    lid = turned("lid", [(0, -0.05), (0.64, -0.05, 0.03), (0.64, 0.05, 0.03), (0, 0.05)], ash)
    moved(lid, shift(0.80, -0.12, 0.615) @ turn(-16, "Y") @ turn(90, "Y") @ turn(12, "X"))
    return 0, 15


def vase():
    glaze = material("glaze", "#3F5E8C", 0.14, Clearcoat=0.6)
    where = node(glaze, "ShaderNodeTexCoord")
    parts = node(glaze, "ShaderNodeSeparateXYZ")
    link(glaze, where.outputs["Object"], parts.inputs[0])
    drift = node(glaze, "ShaderNodeMath", operation="MULTIPLY_ADD")
    link(glaze, noise(glaze, 2.2, (1, 1, 0.6), 6), drift.inputs[0])
    drift.inputs[1].default_value = 0.5
    link(glaze, parts.outputs["Z"], drift.inputs[2])
    glaze_bands(glaze, drift.outputs[0])
    bump(glaze, noise(glaze, 14, (1, 1, 2.5), 4), 0.10, 0.02)
    shape = [
        (0, 0),
        (0.34, 0, 0.04),
        (0.44, 0.25, 0.3),
        (0.74, 0.80, 0.5),
        (0.60, 1.30, 0.5),
        (0.20, 1.48, 0.25),
        (0.19, 1.80, 0.2),
        (0.30, 2.0),
    ]
    lip = [(0.285, 2.02), (0.265, 2.0, 0.0), (0.16, 1.78, 0.1), (0.16, 1.4)]
    turned("vase", shape + lip, glaze, smooth_angle=60)
    print_logo(0.20, on_turned(shape, 0.09), satin("stamp", "#5B3A26", 0.8), word=False)
    return 0, 9


def glaze_bands(glaze, height):
    """Bare clay below, a dark break line, then blue that lightens upwards."""
    ramp = node(glaze, "ShaderNodeValToRGB")
    stops = [
        (0.25, "#B98A66"),
        (0.268, "#5A4740"),
        (0.30, "#1F2E47"),
        (0.55, "#33506F"),
        (0.80, "#5B7F9C"),
        (0.97, "#9DB4C2"),
    ]
    ramp.color_ramp.elements[1].position = 1.0
    ramp.color_ramp.elements[0].color = linear("#B98A66")
    ramp.color_ramp.elements[1].color = linear("#C9D6DC")
    for position, color in stops:
        ramp.color_ramp.elements.new(position).color = linear(color)
    scale = node(glaze, "ShaderNodeMath", operation="MULTIPLY")
    scale.inputs[1].default_value = 0.43
    link(glaze, height, scale.inputs[0])
    link(glaze, scale.outputs[0], ramp.inputs["Fac"])
    link(glaze, ramp.outputs["Color"], shader_input(glaze, "Base Color"))
    vary(glaze, scale.outputs[0], "#D0D0D0", "#5A5A5A", 0.26, 0.31, "Roughness")


def speaker():
    cloth, base = woven("cloth", "#6A7076", "#B9BEC1", 16), satin("base", "#E8E9E8", 0.35)
    top, ring = gloss("top", "#2A2F35"), glowing("ring", "#58E0C8", 3.2)
    body = [(0.60, 0.10), (0.74, 0.12, 0.10), (0.80, 0.80, 0.6), (0.70, 1.62, 0.16), (0.60, 1.66)]
    turned("cloth", body, cloth)
    turned("base", [(0, 0), (0.60, 0, 0.03), (0.66, 0.10, 0.03), (0.60, 0.115)], base)
    turned("top", [(0.62, 1.645), (0.615, 1.675, 0.01), (0.57, 1.685, 0.01), (0.0, 1.66)], top)
    turned("ring", [(0.575, 1.69), (0.585, 1.694), (0.605, 1.69), (0.605, 1.68)], ring)
    for x, text in ((-0.26, "-"), (0.26, "+")):
        print_text(text, 0.22, lambda px, py: Vector((px + x, py - 0.06, 1.684)), base)
    print_logo(0.62, on_turned(body, 0.32, 0.012), satin("badge", "#2A2F35"), mark=False)
    return 0, 20


def headphones():
    navy, skin = powder_coat("shell", "#1F2F57"), leather("cushion", "#161D33", 90)
    steel, face = brushed("steel", STEEL), material("face", "#2E4579", 0.32, 1.0)
    band = [(0.86 * math.cos(a), 0, 1.16 + 0.86 * math.sin(a)) for a in arc_steps(9, 171, 48)]
    inner = [(0.80 * math.cos(a), 0, 1.16 + 0.80 * math.sin(a)) for a in arc_steps(17, 163, 48)]
    soften(thicken(sheet("band", lambda u, v: loop_point(band, u, v, 0.25), navy, 120, 4), 0.055, 0), 0.022, 5)
    soften(thicken(sheet("pad", lambda u, v: loop_point(inner, u, v, 0.22), skin, 120, 4), 0.08, 0), 0.035, 6)
    for side in (1, -1):
        tongue = [(side * 0.86 * math.cos(a), 0, 1.16 + 0.86 * math.sin(a)) for a in arc_steps(-8, 16, 12)]
        soften(thicken(sheet("tongue", lambda u, v: loop_point(tongue, u, v, 0.13), steel, 24, 4), 0.03, 0), 0.012)
        ear_cup(side, navy, skin, face, steel)
    return 38, 8


def arc_steps(start, end, count):
    return [math.radians(start + (end - start) * i / count) for i in range(count + 1)]


def ear_cup(side, navy, skin, face, steel):
    """One cup, turned so that its axis points outwards."""
    place = shift(side * 0.80, 0, 0.60) @ turn(side * 90, "Y") @ Matrix.Diagonal((1.2, 1, 1, 1))
    moved(
        turned(
            "shell",
            [(0, -0.08), (0.40, -0.08, 0.02), (0.44, 0.0, 0.05), (0.42, 0.13, 0.10), (0.30, 0.17, 0.02), (0.28, 0.165)],
            navy,
        ),
        place,
    )
    moved(turned("face", [(0.285, 0.155), (0.285, 0.172, 0.006), (0, 0.176)], face), place)
    moved(
        turned(
            "cushion",
            [(0.22, -0.09), (0.24, -0.28, 0.09), (0.43, -0.28, 0.10), (0.44, -0.09, 0.05), (0.40, -0.07)],
            skin,
        ),
        place,
    )
    moved(turned("cloth", [(0.26, -0.12), (0, -0.12)], woven("mesh", "#10141F", "#2C3552", 20)), place)
    moved(turned("ring", [(0.29, 0.150), (0.305, 0.172, 0.006), (0.325, 0.165, 0.006), (0.325, 0.13)], steel), place)
    flat = place @ turn(90 if side > 0 else -90, "Z")
    print_logo(0.24, lambda x, y: flat @ Vector((x, y - 0.07, 0.182)), steel, word=False)


def earbuds():
    pearl, inside = gloss("pearl", "#F3F1EC"), satin("inside", "#D9D6D0", 0.4)
    dark, gold = satin("mesh", "#2B2E33", 0.5), brushed("gold", "#E2C39A")
    case = sheet("case", pebble, pearl, 240, 120, closed=True)
    cut_top(case, 0.74)
    moved(slab("rim", 1.50, 0.58, 0.05, 0.27, 0.015, inside, -0.29), shift(0, 0, 0.730) @ turn(90, "X"))
    lid = sheet("lid", pebble, pearl, 240, 120, closed=True)
    cut_top(lid, 0.74, keep_above=True)
    opening = shift(0, 0.37, 0.735) @ turn(-76, "X") @ shift(0, -0.39, -0.74)
    hinge = turned("hinge", [(0, -0.42), (0.05, -0.42, 0.01), (0.05, 0.42, 0.01), (0, 0.42)], gold)
    moved(hinge, shift(0, 0.39, 0.72) @ turn(90, "Y"))
    moved(lid, opening)
    moved(slab("lining", 1.50, 0.58, 0.03, 0.27, 0.01, inside, -0.29), opening @ shift(0, 0, 0.75) @ turn(90, "X"))
    for side in (-1, 1):
        ear_bud(side, pearl, dark, gold)
    turned("lamp", [(0, 0), (0.018, 0, 0.005), (0, 0.008)], glowing("lamp", "#7FF0C0", 4)).matrix_world = shift(
        0, -0.392, 0.56
    ) @ turn(90, "X")
    print_logo(0.52, on_front(0.39, 0.30), matte_ink("#8C8A86"), mark=False)
    return 18, 24


def pebble(u, v):
    """A rounded box: an ellipsoid whose sines are pushed towards the corners."""
    around, up = 2 * math.pi * u, math.pi * (v - 0.5)
    flat = pushed(math.cos(up), 0.55)
    return Vector(
        (
            0.85 * flat * pushed(math.cos(around), 0.6),
            0.39 * flat * pushed(math.sin(around), 0.6),
            0.51 + 0.51 * pushed(math.sin(up), 0.55),
        )
    )


def pushed(value, power):
    return math.copysign(abs(value) ** power, value)


def cut_top(made, height, keep_above=False):
    """Keeps what is below (or above) a height and closes the cut."""
    mesh = bmesh.new()
    mesh.from_mesh(made.data)
    everything = mesh.verts[:] + mesh.edges[:] + mesh.faces[:]
    cut = bmesh.ops.bisect_plane(
        mesh,
        geom=everything,
        plane_co=(0, 0, height),
        plane_no=(0, 0, 1),
        clear_outer=not keep_above,
        clear_inner=keep_above,
    )
    edges = [e for e in cut["geom_cut"] if isinstance(e, bmesh.types.BMEdge)]
    bmesh.ops.contextual_create(mesh, geom=edges)
    mesh.to_mesh(made.data)
    mesh.free()


def ear_bud(side, pearl, dark, gold):
    place = shift(side * 0.42, -0.02, 0.74) @ turn(side * -8, "Y") @ turn(-8, "X")
    moved(turned("well", [(0, 0.012), (0.155, 0.016, 0.01), (0.175, 0.0)], dark), shift(side * 0.425, -0.02, 0.755))
    moved(turned("stem", [(0, -0.1), (0.085, -0.1, 0.03), (0.10, 0.30, 0.1), (0.07, 0.42)], pearl), place)
    head = [(0, -0.20), (0.14, -0.18, 0.10), (0.215, 0.0, 0.16), (0.14, 0.15, 0.08), (0, 0.17)]
    moved(turned("head", head, pearl), place @ shift(0, -0.02, 0.40) @ turn(12, "X"))
    ear_tip = [
        (0.05, -0.05),
        (0.09, -0.02, 0.03),
        (0.145, 0.0, 0.03),
        (0.125, 0.12, 0.06),
        (0.06, 0.16, 0.02),
        (0.045, 0.13),
        (0, 0.13),
    ]
    moved(
        turned("tip", ear_tip, satin("silicone", "#E4E1DC", 0.55)), on_head(place, (-side * 0.95, -0.50, 0.15), 0.165)
    )
    grille = [(0, -0.02), (0.07, 0.004, 0.01), (0.05, 0.014, 0.01), (0, 0.016)]
    moved(
        turned("grille", grille, dark),
        on_head(place, (side * 0.45, -1.0, 0.35), 0.196) @ Matrix.Diagonal((1, 0.55, 1, 1)),
    )
    moved(
        turned("ring", [(0.07, 0), (0.112, 0, 0.006), (0.112, 0.03, 0.006), (0.07, 0.03)], gold),
        place @ shift(0, 0, 0.10),
    )


def on_head(place, direction, distance):
    """A spot on the bud's head, looking outwards."""
    outwards = Vector(direction).normalized()
    return (
        place
        @ shift(0, -0.02, 0.40)
        @ shift(*(outwards * distance))
        @ outwards.to_track_quat("Z", "Y").to_matrix().to_4x4()
    )


def power_bank():
    lilac, port = material("anodised", "#A992D4", 0.34, 0.85), satin("port", "#17181C", 0.4)
    bump(lilac, noise(lilac, 260, detail=1), 0.10, 0.004)
    steel, lamp = brushed("steel", STEEL), glowing("lamp", "#F4FFFA", 4)
    slab("body", 1.16, 2.1, 0.30, 0.20, 0.05, lilac)
    top = shift(0, 0, 2.1)
    for x, width in ((-0.16, 0.20), (0.18, 0.26)):
        frame = slab("frame", width + 0.03, 0.125, 0.012, 0.055, 0.003, steel, -0.0625)
        moved(frame, top @ shift(x, 0, 0.0) @ turn(-90, "X"))
        moved(slab("port", width, 0.095, 0.02, 0.045, 0.003, port, -0.0475), top @ shift(x, 0, 0) @ turn(-90, "X"))
    for i in range(4):
        light = turned("lamp", [(0, 0), (0.019, 0, 0.004), (0, 0.006)], lamp if i < 3 else port, 48)
        moved(light, shift(-0.12 + i * 0.08, -0.15, 0.17) @ turn(90, "X"))
    print_logo(1.05, upwards(on_front(0.15, 1.12), 0.123), matte_ink("#F7F4FC"), mark=True)
    print_text("10,000 mAh", 0.062, on_front(0.15, 0.27), matte_ink("#F7F4FC"), 1.2)
    return 24, 14


def serum():
    amber, juice = clear_glass("glass", "#EBB26A"), material("juice", "#C8681C", 0.25, Specular=0.3)
    rubber, gold = satin("rubber", "#F2ECE2", 0.55), brushed("gold", BRASS)
    cream, ink = paper("label", "#FBF6EC"), matte_ink("#7A3D12")
    shape = [(0, 0), (0.48, 0, 0.07), (0.50, 0.08, 0.05), (0.50, 1.0, 0.22), (0.22, 1.16, 0.06), (0.21, 1.22)]
    unshaded(
        turned(
            "glass",
            shape + [(0.17, 1.22), (0.17, 1.15, 0.05), (0.455, 0.97, 0.2), (0.455, 0.09, 0.06), (0, 0.07)],
            amber,
        )
    )
    turned("juice", [(0, 0.05), (0.46, 0.07, 0.06), (0.462, 0.88), (0.44, 0.87), (0, 0.87)], juice)
    turned("collar", [(0.2, 1.17), (0.265, 1.18, 0.01), (0.265, 1.42, 0.02), (0.15, 1.44)], gold)
    turned(
        "bulb",
        [(0.15, 1.43), (0.175, 1.44, 0.02), (0.15, 1.56, 0.08), (0.165, 1.80, 0.2), (0.12, 1.99, 0.10), (0, 1.993)],
        rubber,
    )
    turned("pipette", [(0, 0.3), (0.03, 0.32), (0.05, 0.5, 0.05), (0.05, 1.3)], clear_glass("pipette"))
    label_band(shape, 0.17, 0.80, 125, cream)
    label_band(shape, 0.345, 0.352, 62, gold, 0.007)
    print_stacked(0.52, on_turned(shape, 0.52, 0.008), ink)
    print_text("VITAMIN C SERUM", 0.066, on_turned(shape, 0.395, 0.008), ink, 1.35)
    print_text("BRIGHTENING  30 ml", 0.044, on_turned(shape, 0.255, 0.008), ink, 1.35)
    return 0, 7


def tube_point(u, v):
    """The cream tube: round at the shoulder, a flat crimp at the end."""
    angle, flat = 2 * math.pi * u, v**1.35
    wide, deep = 0.42 + 0.10 * flat, 0.42 * (1 - flat) + 0.012
    return Vector((wide * math.sin(angle), -deep * math.cos(angle), 0.42 + 1.62 * v))


def hand_cream():
    blush, cap = material("tube", "#E9A9A0", 0.34, Clearcoat=0.25), satin("cap", "#6E2A3C", 0.3)
    bump(blush, noise(blush, 3.5, (1, 1, 0.6), 2), 0.10, 0.05)
    ink, fold = matte_ink("#6E2A35"), brushed("fold", "#E9C7BC", (60, 1, 1))
    sheet("tube", tube_point, blush, 160, 120, closed=True)
    turned("shoulder", [(0.3, 0.36), (0.40, 0.39, 0.03), (0.42, 0.425)], blush)
    ridged_cap(cap, 0.37, 0.0, 0.38)
    for i in range(3):
        moved(slab("fold", 1.045, 0.055, 0.05, 0.006, 0.012, fold), shift(0, 0, 2.0 + i * 0.05))

    def place(x, y):
        v = (y - 0.42) / 1.62
        edge = tube_point(0.25, v).x
        return tube_point(math.asin(max(-1, min(1, x / edge))) / (2 * math.pi), v) + Vector((0, -0.004, 0))

    def front(height):
        return lambda x, y: place(x, y + height)

    print_stacked(0.60, front(1.42), ink)
    print_text("HAND CREAM", 0.092, front(1.10), ink, 1.3)
    print_text("FIG & ALMOND", 0.066, front(0.97), ink, 1.4)
    sheet("line", lambda u, v: place((u - 0.5) * 0.22, 0.88 + v * 0.008), ink, 30, 2)
    print_text("75 ml", 0.055, front(0.70), ink, 1.3)
    return 7, 6


def ridged_cap(surface, radius, low, high):
    """A screw cap: fine flutes around a rounded cylinder."""

    def at(u, v):
        flute = 0.006 * math.cos(2 * math.pi * u * 72) * min(1, 8 * v) * min(1, 8 * (1 - v))
        edge = 0.03 * (max(0, 1 - v * 10) ** 2 + max(0, v * 10 - 9) ** 2)
        return Vector(
            (
                (radius + flute - edge) * math.sin(2 * math.pi * u),
                -(radius + flute - edge) * math.cos(2 * math.pi * u),
                low + (high - low) * v,
            )
        )

    sheet("cap", at, surface, 720, 24, closed=True)
    turned("lid", [(0, low), (radius - 0.03, low)], surface)
    turned("top", [(0, high), (radius - 0.03, high)], surface)


def perfume():
    glass, rose = (
        clear_glass("glass"),
        material("juice", "#EFA9A6", 0.15, Specular=0.2, Emission_Strength=0.12, Emission=linear("#F3B9AE")),
    )
    gold, ink = brushed("gold", "#E0B199"), material("foil", "#8E4A4F", 0.3, 0.3)
    vary_upwards(rose, "#E58E8F", "#F9D6C8", 0.2, 1.3)
    unshaded(slab("flacon", 1.36, 1.46, 0.62, 0.20, 0.06, glass))
    slab("juice", 1.14, 1.16, 0.40, 0.14, 0.05, rose, 0.16)
    turned("neck", [(0.15, 1.44), (0.24, 1.45, 0.01), (0.24, 1.54, 0.02), (0.1, 1.55)], gold)
    turned("cap", [(0.1, 1.55), (0.31, 1.55, 0.015), (0.31, 2.02, 0.03), (0, 2.03)], gold)
    print_stacked(0.72, on_front(0.31, 0.70), ink)
    print_text("FIRST LIGHT", 0.094, on_front(0.31, 0.50), ink, 1.5)
    print_text("EAU DE PARFUM   50 ml", 0.048, on_front(0.31, 0.38), ink, 1.4)
    return 18, 9


def vary_upwards(made, low_color, high_color, low, high):
    """A colour that changes with height."""
    where, parts = node(made, "ShaderNodeTexCoord"), node(made, "ShaderNodeSeparateXYZ")
    link(made, where.outputs["Object"], parts.inputs[0])
    scale = node(made, "ShaderNodeMapRange")
    scale.inputs["From Min"].default_value, scale.inputs["From Max"].default_value = low, high
    link(made, parts.outputs["Z"], scale.inputs["Value"])
    vary(made, scale.outputs["Result"], low_color, high_color, 0.0, 1.0)


def notebook():
    linen, pages = woven("linen", "#B23E32", "#EE6F5B", 26, "Object"), paper("pages", "#F5EEDF")
    gold, band = material("foil", "#F2D29A", 0.28, 1.0), satin("band", "#7C2A2A", 0.6)
    lines = noise(pages, 3, (1, 90, 0.2), 2)
    bump(pages, lines, 0.5, 0.01)
    vary(pages, lines, "#D9CFBC", "#FBF5E8")
    for y in (-0.125, 0.125):
        moved(slab("board", 1.46, 2.08, 0.035, 0.06, 0.012, linen), shift(0, y, 0))
    slab("pages", 1.41, 2.02, 0.215, 0.05, 0.006, pages, 0.03)
    moved(slab("spine", 0.05, 2.08, 0.285, 0.015, 0.02, linen), shift(-0.715, 0, 0))
    slab_band(0.50, band)

    def ribbon(u, v):
        return Vector((-0.30 + u * 0.05 + 0.03 * math.sin(3 * v), -0.02 - 0.03 * v, 0.04 - 0.20 * v))

    thicken(sheet("ribbon", ribbon, satin("ribbon", "#E8C98F", 0.5), 4, 20), 0.006)
    print_stacked(0.66, lambda x, y: on_front(0.1425, 1.12)(x - 0.12, y), gold)
    return -28, 12


def slab_band(x, surface):
    """The elastic that holds the notebook closed."""
    outline = rounded_rectangle(-0.152, 0.152, -0.008, 2.088, 0.02)
    line = [(p.x, p.y) for p in outline] + [(outline[0].x, outline[0].y)]

    def at(u, v):
        position = min(u * (len(line) - 1), len(line) - 1.001)
        first, way = int(position), position - int(position)
        a, b = line[first], line[first + 1]
        return Vector((x + (v - 0.5) * 0.07, a[0] + (b[0] - a[0]) * way, a[1] + (b[1] - a[1]) * way))

    return thicken(sheet("band", at, surface, len(line) - 1, 4), 0.012, 0)


def watch():
    steel, tan = brushed("steel", "#D3D4D6", (40, 40, 1)), leather("strap", "#A8622E", 50)
    polish = material("polish", "#E6E7E8", 0.08, 1.0)
    dial = material("dial", "#F3EEE4", 0.35, 0.3)
    facing = shift(0, -0.62, 1.0) @ turn(90, "X")
    moved(
        turned("case", [(0, -0.06), (0.50, -0.06, 0.05), (0.60, 0.02, 0.03), (0.60, 0.10, 0.02), (0.56, 0.10)], steel),
        facing,
    )
    moved(
        turned(
            "bezel",
            [(0.52, 0.08), (0.585, 0.10, 0.01), (0.555, 0.155, 0.02), (0.52, 0.155, 0.01), (0.515, 0.10)],
            polish,
        ),
        facing,
    )
    moved(turned("dial", [(0, 0.10), (0.52, 0.10)], dial), facing)
    moved(unshaded(turned("crystal", [(0, 0.165), (0.45, 0.16, 0.05), (0.52, 0.145)], clear_glass("crystal"))), facing)
    watch_marks(facing, polish)
    crown = [(0, 0), (0.055, 0, 0.005), (0.06, 0.08, 0.015), (0, 0.085)]
    moved(turned("crown", crown, polish, 40), facing @ shift(0.60, 0, 0.03) @ turn(90, "Y"))
    for side in (1, -1):
        watch_strap(side, tan, steel)
    print_logo(0.30, lambda x, y: facing @ Vector((x, y + 0.17, 0.104)), matte_ink(INK), mark=False)
    print_logo(0.085, lambda x, y: facing @ Vector((x, y + 0.235, 0.104)), matte_ink("#D9922B"), word=False)
    return 26, 10


def watch_marks(facing, polish):
    """Twelve applied indices and the hands at ten past ten."""
    for hour in range(12):
        length = 0.11 if hour % 3 == 0 else 0.07
        mark = slab("index", 0.022, length, 0.014, 0.004, 0.003, polish, 0.48 - length)
        moved(mark, facing @ turn(-30 * hour, "Z") @ shift(0, 0, 0.108) @ turn(-90, "X"))
    for angle, length, width, height in ((-305, 0.27, 0.030, 0.116), (-60, 0.41, 0.022, 0.126)):
        hand = slab("hand", width, length + 0.06, 0.008, 0.008, 0.003, material("hand", INK, 0.25, 0.6), -0.06)
        moved(hand, facing @ turn(angle, "Z") @ shift(0, 0, height) @ turn(-90, "X"))
    second = slab("second", 0.008, 0.56, 0.005, 0.002, 0.001, satin("second", "#E4572E"), -0.12)
    moved(second, facing @ turn(-210, "Z") @ shift(0, 0, 0.134) @ turn(-90, "X"))
    moved(turned("pin", [(0, 0.10), (0.026, 0.10), (0.026, 0.14, 0.005), (0, 0.142)], polish, 48), facing)


def watch_strap(side, tan, steel):
    """Half of the strap: from the lugs, over the cushion, to the back."""

    def at(u, v):
        angle = math.radians(38 + 118 * v)
        width = 0.54 - 0.14 * v
        return Vector(((u - 0.5) * width, -0.66 * math.cos(angle), 1.0 + side * 0.92 * math.sin(angle)))

    soften(thicken(sheet("strap", at, tan, 12, 60), 0.075, 0), 0.028, 4, 50)
    for x in (-0.30, 0.30):
        lug = slab("lug", 0.075, 0.30, 0.13, 0.035, 0.02, steel, -0.15)
        moved(lug, shift(x, -0.575, 1.0 + side * 0.555) @ turn(side * -29, "X"))
    stitch = satin("stitch", "#EBD9BC", 0.7)
    for x in (-0.22, 0.22):
        for i in range(24):
            start, end = (at(0.5 + x / 0.54, 0.02 + i / 26 + d) + Vector((0, -0.040, side * 0.022)) for d in (0, 0.022))
            tube("stitch", [start, end], 0.008, stitch)


def yoga_mat():
    plum, strap = material("rubber", "#4A2142", 0.7, Specular=0.25), woven("strap", "#C9B79C", "#EFE3CD", 30, "Object")
    bump(plum, noise(plum, 45, detail=2), 0.35, 0.012)
    soften(
        thicken(sheet("mat", lambda u, v: rolled(5.5 * v, (u - 0.5) * 2.5, 0), plum, 60, 720), 0.074, 0), 0.012, 3, 50
    )
    for x in (-0.62, 0.62):
        around = sheet("strap", lambda u, v: rolled(4.52 + 0.98 * v, x + (u - 0.5) * 0.13, 0.055), strap, 4, 200)
        thicken(around, 0.022, 0)
    carry = [
        (-0.62, -0.12, 1.15),
        (-0.60, -0.20, 1.34),
        (-0.3, -0.24, 1.50),
        (0, -0.24, 1.54),
        (0.3, -0.24, 1.50),
        (0.60, -0.20, 1.34),
        (0.62, -0.12, 1.15),
    ]
    tube("carry", carry, 0.03, strap)
    print_logo(0.86, lambda x, y: rolled(5.36 - y / (2 * math.pi * 0.60), x, 0.040), matte_ink(CREAM))
    return 30, 16


def rolled(turns, x, lift):
    """A point of the rolled mat after so many turns from its core."""
    angle, radius = 2 * math.pi * turns + 0.6, 0.10 + 0.088 * turns + lift
    return Vector((x, radius * math.cos(angle), 0.60 + radius * math.sin(angle)))


PRODUCTS = {
    "aur-bottle-750": bottle,
    "aur-mug-350": travel_mug,
    "aur-kettle-900": kettle,
    "aur-tea-100": tea_tin,
    "aur-coffee-250": coffee_pouch,
    "aur-lamp-arc": desk_lamp,
    "aur-candle-220": candle,
    "aur-vase-24": vase,
    "aur-speaker-one": speaker,
    "aur-headphones-h1": headphones,
    "aur-earbuds-e2": earbuds,
    "aur-power-10k": power_bank,
    "aur-serum-30": serum,
    "aur-handcream-75": hand_cream,
    "aur-perfume-50": perfume,
    "aur-notebook-a5": notebook,
    "aur-watch-38": watch,
    "aur-yogamat-5": yoga_mat,
}


# ------------------------------------------------------------------- studio


def soft_box(location, size, power, color="#FFFFFF", target=(0, 0, 1)):
    """A rectangular lamp that fades towards its edges, as a real soft box does."""
    data = bpy.data.lights.new("soft box", "AREA")
    data.shape, data.size, data.size_y = "RECTANGLE", *size
    data.energy, data.color = power, linear(color)[:3]
    fade_edges(data)
    lamp = bpy.data.objects.new("soft box", data)
    bpy.context.collection.objects.link(lamp)
    aim = (Vector(target) - Vector(location)).to_track_quat("-Z", "Y")
    lamp.matrix_world = Matrix.Translation(location) @ aim.to_matrix().to_4x4()


def fade_edges(light):
    """Strength falls with the distance from the lamp's middle: 16 u(1-u) v(1-v)."""
    light.use_nodes = True
    where = node(light, "ShaderNodeNewGeometry")
    parts = node(light, "ShaderNodeSeparateXYZ")
    link(light, where.outputs["Parametric"], parts.inputs[0])
    product = node(light, "ShaderNodeMath", operation="MULTIPLY")
    for slot, axis in enumerate("XY"):
        inverse = node(light, "ShaderNodeMath", operation="SUBTRACT")
        inverse.inputs[0].default_value = 1.0
        link(light, parts.outputs[axis], inverse.inputs[1])
        hill = node(light, "ShaderNodeMath", operation="MULTIPLY")
        link(light, parts.outputs[axis], hill.inputs[0])
        link(light, inverse.outputs[0], hill.inputs[1])
        rise = node(light, "ShaderNodeMath", operation="POWER")
        rise.inputs[1].default_value = 0.5
        link(light, hill.outputs[0], rise.inputs[0])
        link(light, rise.outputs[0], product.inputs[slot])
    scale = node(light, "ShaderNodeMath", operation="MULTIPLY")
    scale.inputs[1].default_value = 6.5
    link(light, product.outputs[0], scale.inputs[0])
    link(light, scale.outputs[0], light.node_tree.nodes["Emission"].inputs["Strength"])


def light_studio():
    soft_box((-3.2, -3.4, 2.8), (2.2, 3.2), 270, "#FFF8F0")
    soft_box((3.4, -1.6, 1.4), (0.7, 4.0), 170)
    soft_box((-3.0, 0.9, 1.2), (0.5, 4.0), 130, "#F2F7FF")
    soft_box((2.6, 2.4, 1.6), (0.8, 4.0), 150)
    soft_box((0.0, 0.4, 4.6), (3.6, 3.0), 120)
    soft_box((1.2, -6.5, 1.6), (4.5, 4.5), 60)
    soft_box((0.0, -1.5, -2.6), (4.0, 3.0), 18)
    world = bpy.data.worlds.new("studio")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.9, 0.95, 1.0, 1.0)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.12
    bpy.context.scene.world = world


def visible_points():
    """Every point of the finished surfaces, modifiers and curves included."""
    graph = bpy.context.evaluated_depsgraph_get()
    for made in bpy.context.scene.objects:
        if made.type in ("MESH", "CURVE"):
            finished = made.evaluated_get(graph)
            for vertex in finished.to_mesh().vertices:
                yield finished.matrix_world @ vertex.co
            finished.to_mesh_clear()


def frame(elevation, size):
    """Aims a long lens and fits lens, shift and picture format to the product."""
    scene = bpy.context.scene
    points = list(visible_points())
    middle = Vector([(min(p[i] for p in points) + max(p[i] for p in points)) / 2 for i in range(3)])
    place = middle + Vector((0, -math.cos(math.radians(elevation)), math.sin(math.radians(elevation)))) * 12
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    camera.matrix_world = Matrix.Translation(place) @ (middle - place).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    seen = [camera.matrix_world.inverted() @ p for p in points]
    across, upright = [p.x / -p.z for p in seen], [p.y / -p.z for p in seen]
    width, height = max(across) - min(across), max(upright) - min(upright)
    border = max(width, height) * MARGIN / (1 - 2 * MARGIN) * 2
    width, height = width + border, height + border
    longest = max(width, height)
    camera.data.sensor_width, camera.data.lens = 36, 36 / longest
    camera.data.shift_x = (max(across) + min(across)) / 2 / longest
    camera.data.shift_y = (max(upright) + min(upright)) / 2 / longest
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = round(size * width / longest), round(size * height / longest)


def set_renderer(samples):
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = samples, False
    scene.cycles.use_adaptive_sampling, scene.cycles.adaptive_threshold = True, 0.012
    scene.cycles.max_bounces, scene.cycles.transmission_bounces = 10, 10
    scene.cycles.diffuse_bounces, scene.cycles.glossy_bounces = 2, 4
    scene.cycles.sample_clamp_indirect = 3
    scene.cycles.caustics_reflective = False
    scene.cycles.film_transparent_glass = True
    scene.cycles.film_transparent_roughness = 0.2
    scene.render.film_transparent = True
    scene.view_settings.view_transform, scene.view_settings.look = "Filmic", "Medium High Contrast"
    scene.view_settings.exposure = 0.1
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth, settings.compression = "PNG", "RGBA", "8", 100


def empty_scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.preferences.addon_enable(module="io_curve_svg")


def tap_layers(folder):
    """Makes the render also write colour, albedo and normal as linear pictures."""
    scene = bpy.context.scene
    bpy.context.view_layer.cycles.denoising_store_passes = True
    scene.use_nodes = True
    tree = scene.node_tree
    layers = tree.nodes["Render Layers"] if "Render Layers" in tree.nodes else tree.nodes.new("CompositorNodeRLayers")
    writer = tree.nodes.new("CompositorNodeOutputFile")
    writer.base_path = folder
    writer.format.file_format, writer.format.color_mode, writer.format.color_depth = "OPEN_EXR", "RGBA", "32"
    writer.file_slots.clear()
    for slot, layer in (("color", "Image"), ("albedo", "Denoising Albedo"), ("normal", "Denoising Normal")):
        writer.file_slots.new(slot)
        tree.links.new(layers.outputs[layer], writer.inputs[slot])


def load_layer(folder, name):
    return bpy.data.images.load(str(next(Path(folder).glob(f"{name}*.exr"))))


def save_denoised(folder, path, python):
    """Hands the layers to denoise.py and saves what comes back with the studio's tone curve."""
    for name in ("color", "albedo", "normal"):
        picture = load_layer(folder, name)
        with open(Path(folder) / f"{name}.raw", "wb") as file:
            array("f", picture.pixels[:]).tofile(file)
    width, height = picture.size
    subprocess.run([python, str(HERE / "denoise.py"), folder, str(width), str(height)], check=True)
    clean = array("f")
    with open(Path(folder) / "clean.raw", "rb") as file:
        clean.fromfile(file, width * height * 4)
    picture = bpy.data.images.new("clean", width, height, alpha=True, float_buffer=True)
    picture.alpha_mode = "PREMUL"
    picture.pixels.foreach_set(clean)
    picture.save_render(path, scene=bpy.context.scene)


def render_product(name, folder, samples, size, python):
    empty_scene()
    degrees, elevation = PRODUCTS[name]()
    bpy.context.view_layer.update()
    for made in list(bpy.context.scene.objects):
        moved(made, turn(degrees, "Z"))
    bpy.context.view_layer.update()
    set_renderer(samples)
    frame(elevation, size)
    light_studio()
    bpy.context.scene.render.filepath = str(folder / f"{name}.png")
    if not python:
        bpy.ops.render.render(write_still=True)
        return
    with tempfile.TemporaryDirectory() as layers:
        tap_layers(layers)
        bpy.ops.render.render()
        save_denoised(layers, str(folder / f"{name}.png"), python)


def read_arguments():
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    parser = argparse.ArgumentParser(description="Render the Aurora packshots.")
    parser.add_argument(
        "--only", action="append", choices=sorted(PRODUCTS), help="render this product; may be repeated"
    )
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--size", type=int, default=1600, help="longer side in pixels")
    parser.add_argument("--denoiser", help="a Python that has the package pyoidn")
    parser.add_argument("--out", type=Path, default=HERE / "images")
    return parser.parse_args(given)


def main():
    wanted = read_arguments()
    for name in wanted.only or PRODUCTS:
        render_product(name, wanted.out.resolve(), wanted.samples, wanted.size, wanted.denoiser)


if __name__ == "__main__":
    main()
