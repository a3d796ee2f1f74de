"""How the weights of `fastcnn.applications` were made: `python -m fastcnn.recipes.vgg8`, `python -m fastcnn.recipes.tutorial_cnn`. Anyone can make them again.

recipe.py is what they share; the other modules say what is particular to a network.
"""
