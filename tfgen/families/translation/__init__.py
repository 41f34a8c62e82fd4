"""Translation of pictures into pictures: in pairs (pix2pix, SRGAN) and between two domains (CycleGAN)."""
